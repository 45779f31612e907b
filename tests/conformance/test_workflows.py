"""Both workflow engines must do the same, on threads and in virtual time, over a real store of either kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from recoverops.model import ConflictError, IncidentId, SegmentKey, Severity
from recoverops.ports import Engine, Respond, Tx, WorkflowContext
from recoverops.storage import SqlStore
from recoverops.workflows import SimulatedCrash, ThreadEngine, VirtualClock, VirtualEngine

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def key(number: int = 1, segment: int = 1) -> SegmentKey:
    return SegmentKey(incident_id=IncidentId(f"inc-{number}"), episode=1, segment=segment)


def note(tx: Tx, text: str) -> None:
    tx.audit.append(at=START, actor="test", event=text, subject="test", detail={})


def notes(store: SqlStore) -> list[str]:
    return [one.event for one in store.read(lambda tx: tx.audit.entries())]


class Bench(Protocol):
    """One engine over the store of the test."""

    @property
    def engine(self) -> Engine: ...
    @property
    def failures(self) -> list[tuple[SegmentKey, str]]: ...
    def finish(self, *keys: SegmentKey) -> None:
        """Start the segments and return when they, and what they started, have ended."""


OpenBench = Callable[[Respond], Bench]


class _ThreadBench:
    def __init__(self, respond: Respond, store: SqlStore) -> None:
        self.failures: list[tuple[SegmentKey, str]] = []
        self.engine = ThreadEngine(
            respond=respond,
            store=store,
            on_failure=lambda failed, message: self.failures.append((failed, message)),
        )

    def finish(self, *keys: SegmentKey) -> None:
        for one in keys:
            self.engine.start(one)
        pause = threading.Event()
        for _ in range(2000):
            if not any(self.engine.segments().values()):
                return
            pause.wait(0.005)
        raise AssertionError(f"still at work after 10 s: {self.engine.segments()}")


class _VirtualBench:
    def __init__(self, respond: Respond, store: SqlStore) -> None:
        self.failures: list[tuple[SegmentKey, str]] = []
        self.engine = VirtualEngine(
            respond=respond,
            store=store,
            clock=VirtualClock(START),
            on_failure=lambda failed, message: self.failures.append((failed, message)),
        )

    def finish(self, *keys: SegmentKey) -> None:
        for one in keys:
            self.engine.start(one)
        self.engine.run_until_idle()


@pytest.fixture(params=["threads", "virtual"])
def open_bench(request: pytest.FixtureRequest, store: SqlStore) -> Iterator[OpenBench]:
    benches: list[Bench] = []

    def opened(respond: Respond) -> Bench:
        benches.append(_VirtualBench(respond, store) if request.param == "virtual" else _ThreadBench(respond, store))
        return benches[-1]

    yield opened
    for bench in benches:
        bench.engine.stop(timeout=timedelta(seconds=5))


def test_everything_happens_in_the_order_in_which_the_response_asks(open_bench: OpenBench, store: SqlStore) -> None:
    seen: list[str] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("first", lambda tx: note(tx, "first"))
        seen.extend(ctx.read("look", lambda tx: [one.event for one in tx.audit.entries()]))
        ctx.sleep(timedelta(milliseconds=1))
        seen.append(ctx.step("second", lambda: "second"))
        ctx.tx("third", lambda tx: note(tx, "third"), is_owed=True)

    bench = open_bench(respond)
    bench.finish(key())

    assert bench.failures == []
    assert seen == ["first", "second"]
    assert notes(store) == ["first", "third"]


def test_answers_come_back_as_they_are(open_bench: OpenBench) -> None:
    answer = object()
    seen: list[object] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        seen.extend([ctx.read("a", lambda tx: answer), ctx.tx("b", lambda tx: answer), ctx.step("c", lambda: answer)])

    open_bench(respond).finish(key())

    assert seen == [answer] * 3


def test_in_virtual_time_as_well_the_worst_of_those_that_wait_is_next(store: SqlStore) -> None:
    runs: list[SegmentKey] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        if not runs:
            engine.start(worst, severity=Severity.CRITICAL)
        runs.append(key)

    low, worst = [key(number) for number in range(100)], key(100)
    engine = VirtualEngine(respond=respond, store=store, clock=VirtualClock(START))
    for one in low:
        engine.start(one, severity=Severity.LOW)
    engine.run_until_idle()

    assert runs == [low[0], worst, *low[1:]]


def test_what_reads_cannot_write(open_bench: OpenBench, store: SqlStore) -> None:
    bench = open_bench(lambda ctx, key: ctx.read("look", lambda tx: note(tx, "x")))

    bench.finish(key())

    assert len(bench.failures) == 1
    assert notes(store) == []


def test_a_transaction_that_raises_leaves_no_rows_and_the_response_may_go_on(
    open_bench: OpenBench, store: SqlStore
) -> None:
    def refuse(tx: Tx) -> None:
        note(tx, "lost")
        raise ConflictError("saved by somebody else")

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        with pytest.raises(ConflictError, match="somebody else"):
            ctx.tx("refuse", refuse)
        ctx.tx("write", lambda tx: note(tx, "kept"))

    bench = open_bench(respond)
    bench.finish(key())

    assert bench.failures == []
    assert notes(store) == ["kept"]


def test_a_segment_that_raises_is_told_of_once_without_its_secret_and_others_go_on(
    open_bench: OpenBench, store: SqlStore
) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        if key.incident_id == "inc-1":
            raise ValueError("password=hunter2 was refused")
        ctx.tx("write", lambda tx: note(tx, key.incident_id))

    bench = open_bench(respond)
    bench.finish(key(1), key(2))

    [(failed, message)] = bench.failures
    assert failed == key(1)
    assert message.startswith("ValueError: ")
    assert "hunter2" not in message
    assert notes(store) == ["inc-2"]


def test_a_segment_runs_again_when_it_is_started_again_after_its_end(open_bench: OpenBench) -> None:
    runs: list[SegmentKey] = []
    bench = open_bench(lambda ctx, key: runs.append(key))

    bench.finish(key())
    bench.finish(key(), key(segment=2))

    assert sorted(runs, key=lambda one: one.segment) == [key(), key(), key(segment=2)]


def test_a_segment_can_start_the_next_one(open_bench: OpenBench, store: SqlStore) -> None:
    benches: list[Bench] = []

    def respond(ctx: WorkflowContext, now: SegmentKey) -> None:
        ctx.tx("write", lambda tx: note(tx, f"segment {now.segment}"))
        if now.segment == 1:
            benches[0].engine.start(key(segment=2))

    benches.append(open_bench(respond))
    benches[0].finish(key())

    assert notes(store) == ["segment 1", "segment 2"]


def test_a_sleep_of_more_than_a_minute_is_refused_with_its_value(open_bench: OpenBench) -> None:
    bench = open_bench(lambda ctx, key: ctx.sleep(timedelta(seconds=61)))

    bench.finish(key())

    [(_, message)] = bench.failures
    assert "a sleep of 61 s was asked for" in message
    assert "park a wait" in message


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_sleep_that_is_over_already_is_none(open_bench: OpenBench, seconds: int) -> None:
    bench = open_bench(lambda ctx, key: ctx.sleep(timedelta(seconds=seconds)))

    bench.finish(key())

    assert bench.failures == []


def test_after_a_stop_nothing_is_started(open_bench: OpenBench) -> None:
    runs: list[SegmentKey] = []
    bench = open_bench(lambda ctx, key: runs.append(key))

    bench.engine.stop(timeout=timedelta(0))
    bench.engine.start(key())
    bench.finish()

    assert runs == []
    assert not bench.engine.is_running(key())


# What a crash leaves behind can be staged here for virtual time only; tests/crash does it to threads with real kills.


def test_a_segment_in_virtual_time_runs_once_however_often_it_is_started(store: SqlStore) -> None:
    runs: list[SegmentKey] = []
    engine = VirtualEngine(respond=lambda ctx, key: runs.append(key), store=store, clock=VirtualClock(START))

    for _ in range(3):
        engine.start(key())
    engine.run_until_idle()

    assert runs == [key()]


@pytest.mark.parametrize(
    ("point", "name", "left"),
    [
        ("before", "write", ["row"]),
        ("after", "write", ["row", "row"]),
        ("before", "sleep", ["row", "row"]),
        ("after", "sleep", ["row", "row"]),
    ],
)
def test_after_a_crash_in_virtual_time_a_segment_runs_again_from_its_beginning(
    store: SqlStore, point: str, name: str, left: list[str]
) -> None:
    clock = VirtualClock(START)
    crashes = {(point, name)}

    def crash_at(*at: str) -> bool:
        is_now = at in crashes
        crashes.difference_update({at})
        return is_now

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("write", lambda tx: note(tx, "row"))
        ctx.sleep(timedelta(seconds=30))

    engine = VirtualEngine(respond=respond, store=store, clock=clock, crash_at=crash_at)
    engine.start(key())
    with pytest.raises(SimulatedCrash, match=f"{point} {name}"):
        engine.run_until_idle()
    assert engine.is_running(key())
    engine.run_until_idle()

    assert not engine.is_running(key())
    assert notes(store) == left
    assert clock.now() == START + timedelta(seconds=60 if (point, name) == ("after", "sleep") else 30)

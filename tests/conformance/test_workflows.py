"""Both workflow engines must give a response the same answers: on DBOS with SQLite on disk, and in virtual time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import pytest
import sqlalchemy as sa

from recoverops.clock import SystemClock
from recoverops.model import (
    ConflictError,
    IncidentId,
    PermanentError,
    Resource,
    ResourceKind,
    RetryableError,
    SegmentKey,
    Severity,
)
from recoverops.ports import Engine, Respond, Tx, WorkflowContext
from recoverops.workflows import DbosEngine, SimulatedCrash, VirtualClock, VirtualEngine

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")


def key(number: int = 1) -> SegmentKey:
    return SegmentKey(incident_id=IncidentId(f"inc-{number}"), episode=1, segment=1)


def insert(tx: Tx, text: str) -> None:
    cast(sa.Connection, tx).execute(sa.text("INSERT INTO note (text) VALUES (:text)"), {"text": text})


class Bench(Protocol):
    """One engine over one small store."""

    @property
    def engine(self) -> Engine: ...
    @property
    def failures(self) -> list[tuple[SegmentKey, str]]: ...
    def finish(self, *keys: SegmentKey) -> None:
        """Start the segments and return when they have ended."""

    def notes(self) -> list[str]: ...


OpenBench = Callable[[Respond], Bench]


class _Notes:
    def __init__(self, store: sa.Engine) -> None:
        self.store = store
        self.failures: list[tuple[SegmentKey, str]] = []

    def notes(self) -> list[str]:
        with self.store.connect() as connection:
            return list(connection.scalars(sa.text("SELECT text FROM note ORDER BY rowid")))


class _DbosBench(_Notes):
    def __init__(self, respond: Respond, store: sa.Engine, folder: Path) -> None:
        super().__init__(store)
        self.done = threading.Condition()
        self.engine = DbosEngine(
            respond=respond,
            dbos_url=f"sqlite:///{folder}/dbos.sqlite",
            store_url=str(store.url),
            store_engine=store,
            tx_of=lambda connection: cast(Tx, connection),
            clock=SystemClock(),
            application_version="test",
            on_failure=lambda failed, message: self.failures.append((failed, message)),
        )

    def finish(self, *keys: SegmentKey) -> None:
        for one in keys:
            self.engine.start(one)
        pause = threading.Event()
        for _ in range(2000):
            if not any(self.engine.is_running(one) for one in keys):
                return
            pause.wait(0.005)
        raise AssertionError(f"{keys} still run after 10 s")


class _VirtualBench(_Notes):
    def __init__(self, respond: Respond, store: sa.Engine) -> None:
        super().__init__(store)
        self.clock = VirtualClock(START)
        self.engine = VirtualEngine(
            respond=respond,
            run_tx=self._run_tx,
            clock=self.clock,
            on_failure=lambda failed, message: self.failures.append((failed, message)),
        )

    def _run_tx(self, fn: Callable[[Tx], Any]) -> Any:
        with self.store.begin() as connection:
            return fn(cast(Tx, connection))

    def finish(self, *keys: SegmentKey) -> None:
        for one in keys:
            self.engine.start(one)
        self.engine.run_until_idle()


@contextmanager
def small_store(folder: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{folder}/store.sqlite")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE note (text TEXT NOT NULL UNIQUE)"))
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(params=["dbos", "virtual"])
def open_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenBench]:
    benches: list[Bench] = []

    with small_store(tmp_path) as store:

        def opened(respond: Respond) -> Bench:
            if request.param == "virtual":
                benches.append(_VirtualBench(respond, store))
            else:
                bench = _DbosBench(respond, store, tmp_path)
                benches.append(bench)
                bench.engine.launch()
            return benches[-1]

        yield opened
        for bench in benches:
            bench.engine.stop(timeout=timedelta(seconds=5))


@pytest.mark.parametrize(
    ("value", "returns"),
    [
        (CHECKOUT, Resource),
        ((CHECKOUT, Resource(kind=ResourceKind.HOST, name="web-1")), tuple[Resource, ...]),
        ((), tuple[Resource, ...]),
        (None, None),
        (None, Resource | None),
        (datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC), datetime),
        (timedelta(minutes=5, microseconds=1), timedelta),
        (Severity.CRITICAL, Severity),
        ({"port": "8080"}, dict[str, str]),
        ("grün \x00 ✓", str),
        (True, bool),
        (key(), SegmentKey),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["step", "tx"])
def test_an_answer_comes_back_as_the_type_it_had(open_bench: OpenBench, kind: str, value: object, returns: Any) -> None:
    answers: list[object] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        answer: object
        if kind == "step":
            answer = ctx.step("ask", lambda: value, returns=returns)
        else:
            answer = ctx.tx("ask", lambda tx: value, returns=returns)
        answers.append(answer)

    bench = open_bench(respond)
    bench.finish(key())

    assert bench.failures == []
    assert answers == [value]
    assert type(answers[0]) is type(value)


def test_a_step_that_returns_nothing_may_call_something_that_returns_something(open_bench: OpenBench) -> None:
    answers: list[object] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        answers.append(ctx.step("ask", object, returns=None))

    bench = open_bench(respond)
    bench.finish(key())

    assert (answers, bench.failures) == ([None], [])


@pytest.mark.parametrize(("value", "returns"), [(None, Resource), (float("nan"), float), (object(), str), ("7", int)])
def test_an_answer_that_is_not_of_the_promised_type_fails_the_segment_and_names_the_step(
    open_bench: OpenBench, value: object, returns: Any
) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("measure", lambda: value, returns=returns)

    bench = open_bench(respond)
    bench.finish(key())

    [(_, message)] = bench.failures
    assert 'step "measure"' in message


def test_a_transaction_whose_answer_is_of_the_wrong_type_leaves_no_rows(open_bench: OpenBench) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("write", lambda tx: insert(tx, "half"), returns=Resource)

    bench = open_bench(respond)
    bench.finish(key())

    assert len(bench.failures) == 1
    assert bench.notes() == []


def test_a_segment_started_three_times_runs_once(open_bench: OpenBench) -> None:
    runs: list[SegmentKey] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("count", lambda: runs.append(key), returns=None)

    bench = open_bench(respond)
    bench.finish(key(), key())
    bench.finish(key())

    assert runs == [key()]


def test_the_next_segment_of_the_same_incident_is_another_piece_of_work(open_bench: OpenBench) -> None:
    runs: list[int] = []
    bench = open_bench(lambda ctx, key: runs.append(key.segment))

    bench.finish(key())
    bench.finish(SegmentKey(incident_id=key().incident_id, episode=1, segment=2))

    assert runs == [1, 2]


def test_steps_run_in_the_order_in_which_the_response_asks(open_bench: OpenBench) -> None:
    seen: list[str] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("first", lambda: seen.append("first"), returns=None)
        ctx.tx("second", lambda tx: seen.append("second"), returns=None)
        ctx.now("third")
        ctx.step("fourth", lambda: seen.append("fourth"), returns=None)

    open_bench(respond).finish(key())

    assert seen == ["first", "second", "fourth"]


def test_rows_of_a_transaction_stay_when_it_ends_well(open_bench: OpenBench) -> None:
    bench = open_bench(lambda ctx, key: ctx.tx("write", lambda tx: insert(tx, "kept"), returns=None))

    bench.finish(key())

    assert bench.notes() == ["kept"]


def test_a_transaction_that_raises_leaves_no_rows_and_the_response_may_go_on(open_bench: OpenBench) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        def write(tx: Tx) -> None:
            insert(tx, "lost")
            raise ConflictError("incident inc-1 was saved by somebody else")

        with pytest.raises(ConflictError, match="saved by somebody else"):
            ctx.tx("write", write, returns=None)
        ctx.tx("write again", lambda tx: insert(tx, "kept"), returns=None)

    bench = open_bench(respond)
    bench.finish(key())

    assert bench.failures == []
    assert bench.notes() == ["kept"]


def test_a_database_error_inside_a_transaction_reaches_the_response_as_permanent(open_bench: OpenBench) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("write", lambda tx: insert(tx, "twice"), returns=None)
        with pytest.raises(PermanentError, match=r"IntegrityError.*UNIQUE"):
            ctx.tx("write again", lambda tx: insert(tx, "twice"), returns=None)

    bench = open_bench(respond)
    bench.finish(key())

    assert bench.failures == []
    assert bench.notes() == ["twice"]


def test_our_own_errors_keep_their_class_and_foreign_ones_become_permanent(open_bench: OpenBench) -> None:
    caught: list[Exception] = []

    def fail(error: Exception) -> None:
        raise error

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        for name, error in (
            ("busy", RetryableError("try later", delay=timedelta(seconds=7))),
            ("foreign", KeyError("port")),
        ):
            try:
                ctx.step(name, lambda error=error: fail(error), returns=None)  # type: ignore[misc]
            except Exception as seen:  # noqa: BLE001 - the test looks at what comes
                caught.append(seen)

    open_bench(respond).finish(key())

    busy, foreign = caught
    assert type(busy) is RetryableError
    assert (str(busy), busy.delay) == ("try later", timedelta(seconds=7))
    assert type(foreign) is PermanentError
    assert str(foreign) == "KeyError: 'port'"


def test_a_segment_that_raises_is_told_of_once_without_its_secret_and_others_go_on(open_bench: OpenBench) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("write", lambda tx: insert(tx, str(key.incident_id)), returns=None)
        if key.incident_id == "inc-1":
            raise ValueError("login failed, password=hunter2")

    bench = open_bench(respond)
    bench.finish(key(1), key(2))
    bench.finish(key(1))

    [(failed, message)] = bench.failures
    assert failed == key(1)
    assert message.startswith("ValueError: login failed")
    assert "hunter2" not in message
    assert sorted(bench.notes()) == ["inc-1", "inc-2"]


@pytest.mark.parametrize("again", ["step", "tx", "now"])
def test_a_step_name_used_twice_in_one_segment_is_refused(open_bench: OpenBench, again: str) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("look", lambda: 1, returns=int)
        if again == "step":
            ctx.step("look", lambda: 1, returns=int)
        elif again == "tx":
            ctx.tx("look", lambda tx: 1, returns=int)
        else:
            ctx.now("look")

    bench = open_bench(respond)
    bench.finish(key())

    [(_, message)] = bench.failures
    assert 'step name "look" is used twice' in message


def test_a_sleep_of_more_than_a_minute_is_refused_with_its_value(open_bench: OpenBench) -> None:
    bench = open_bench(lambda ctx, key: ctx.sleep(timedelta(seconds=61)))

    bench.finish(key())

    [(_, message)] = bench.failures
    assert message.startswith("PermanentError")
    assert "61 s" in message


def test_time_is_aware_and_passes_while_a_segment_sleeps(open_bench: OpenBench) -> None:
    times: list[datetime] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        times.append(ctx.now("before"))
        ctx.sleep(timedelta(milliseconds=50))
        times.append(ctx.now("after"))

    open_bench(respond).finish(key())

    assert times[0].utcoffset() == timedelta(0)
    assert timedelta(milliseconds=50) <= times[1] - times[0] < timedelta(seconds=5)


def test_a_segment_can_start_the_next_one(open_bench: OpenBench) -> None:
    seen: list[int] = []
    following = SegmentKey(incident_id=key().incident_id, episode=1, segment=2)

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        if key.segment == 1:
            ctx.step("hand over", lambda: bench.engine.start(following), returns=None)
            bench.engine.start(following)
        ctx.step("count", lambda: seen.append(key.segment), returns=None)

    bench = open_bench(respond)
    bench.finish(key())
    bench.finish(key(), following)

    assert sorted(seen) == [1, 2]
    assert bench.failures == []


# What a crash leaves behind can be staged here for virtual time only; tests/crash does it to DBOS with real kills.


class _Crashes:
    """Crashes once at each of the given points."""

    def __init__(self, *points: tuple[str, str]) -> None:
        self.left = set(points)
        self.offered: list[tuple[str, str]] = []

    def __call__(self, point: str, name: str) -> bool:
        self.offered.append((point, name))
        if (point, name) not in self.left:
            return False
        self.left.remove((point, name))
        return True


DOWN = timedelta(seconds=10)
"""From a crash to the next start."""


def _crash_and_resume(respond: Respond, tmp_path: Path, crashes: _Crashes) -> tuple[list[str], VirtualClock]:
    with small_store(tmp_path) as store:
        clock = VirtualClock(START)

        def run_tx(fn: Callable[[Tx], Any]) -> Any:
            with store.begin() as connection:
                return fn(cast(Tx, connection))

        engine = VirtualEngine(respond=respond, run_tx=run_tx, clock=clock, crash_at=crashes)
        engine.start(key())
        for _ in range(len(crashes.left)):
            with pytest.raises(SimulatedCrash):
                engine.run_until_idle()
            assert engine.is_running(key())
            clock.advance(DOWN)
        engine.run_until_idle()
        assert not engine.is_running(key())
        return _Notes(store).notes(), clock


@pytest.mark.parametrize(
    ("point", "runs_of_first", "runs_of_second"), [("before", 1, 1), ("after_effect", 1, 2), ("after", 1, 1)]
)
def test_after_a_crash_in_virtual_time_only_what_was_not_remembered_runs_again(
    tmp_path: Path, point: str, runs_of_first: int, runs_of_second: int
) -> None:
    seen: list[str] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("first", lambda: seen.append("first"), returns=None)
        ctx.step("second", lambda: seen.append("second"), returns=None)

    _crash_and_resume(respond, tmp_path, _Crashes((point, "second")))

    assert (seen.count("first"), seen.count("second")) == (runs_of_first, runs_of_second)


def test_rows_and_memory_of_a_transaction_never_part_in_virtual_time(tmp_path: Path) -> None:
    crashes = _Crashes(("before", "write"), ("after", "write"))

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("write", lambda tx: insert(tx, "once"), returns=None)

    notes, _ = _crash_and_resume(respond, tmp_path, crashes)

    assert notes == ["once"]
    assert ("after_effect", "write") not in crashes.offered


def test_the_time_and_a_failure_are_the_same_again_after_a_crash_in_virtual_time(tmp_path: Path) -> None:
    times: list[datetime] = []
    errors: list[tuple[type, str]] = []

    def fail() -> None:
        raise ConflictError(f"attempt {len(errors) + 1}")

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        times.append(ctx.now("started"))
        try:
            ctx.step("fail", fail, returns=None)
        except ConflictError as error:
            errors.append((type(error), str(error)))
        ctx.step("last", lambda: None, returns=None)

    _crash_and_resume(respond, tmp_path, _Crashes(("before", "last")))

    assert times == [START, START]
    assert errors == [(ConflictError, "attempt 1")] * 2


@pytest.mark.parametrize(("point", "seconds"), [("before", 30), ("after", 60)])
def test_a_sleep_is_not_remembered(tmp_path: Path, point: str, seconds: int) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.sleep(timedelta(seconds=30))

    _, clock = _crash_and_resume(respond, tmp_path, _Crashes((point, "sleep")))

    assert clock.now() == START + DOWN + timedelta(seconds=seconds)


def test_a_response_that_takes_other_steps_after_a_crash_is_refused_in_virtual_time(tmp_path: Path) -> None:
    attempts: list[int] = []
    failures: list[str] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        attempts.append(1)
        ctx.step(f"look {len(attempts)}", lambda: 1, returns=int)
        ctx.step("last", lambda: 1, returns=int)

    engine = VirtualEngine(
        respond=respond,
        run_tx=lambda fn: fn(cast(Tx, None)),
        clock=VirtualClock(START),
        on_failure=lambda failed, message: failures.append(message),
        crash_at=_Crashes(("before", "last")),
    )
    engine.start(key())
    with pytest.raises(SimulatedCrash):
        engine.run_until_idle()
    engine.run_until_idle()

    assert len(failures) == 1
    assert 'asks for step "look 2" where it did "look 1"' in failures[0]


def test_after_a_stop_a_virtual_engine_starts_nothing(tmp_path: Path) -> None:
    runs: list[SegmentKey] = []
    engine = VirtualEngine(
        respond=lambda ctx, key: runs.append(key), run_tx=lambda fn: fn(cast(Tx, None)), clock=VirtualClock(START)
    )

    engine.stop(timeout=timedelta(0))
    engine.start(key())
    engine.run_until_idle()

    assert runs == []

"""What only the engine on threads has to keep: its threads, its patience with the store, its stop."""

from __future__ import annotations

import logging
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.test_workflows import key, note, notes
from tests.conftest import Database, ManualClock

from recoverops.model import ConflictError, OverloadedError, RetryableError, SegmentKey, Severity, UnreachableError
from recoverops.ports import Respond, Store, Tx, WorkflowContext
from recoverops.storage import SqlStore, StorageSettings
from recoverops.workflows import ThreadEngine

LONG = timedelta(seconds=20)
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def until(what: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if what():
            return
        pause.wait(0.005)
    raise AssertionError("it did not come true within 10 s")


class Away:
    """The real store behind a door that stays shut for a while, or for good."""

    def __init__(self, store: SqlStore, *errors: Exception) -> None:
        self._store = store
        self.errors = list(errors)
        self.is_away = False
        self.asked = 0

    def read(self, fn: Callable[[Tx], Any]) -> Any:
        self._knock()
        return self._store.read(fn)

    def write(self, fn: Callable[[Tx], Any]) -> Any:
        self._knock()
        return self._store.write(fn)

    def _knock(self) -> None:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        if self.is_away:
            raise UnreachableError("the database does not answer")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class House:
    """One store, on which one engine after another may live."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.failures: list[str] = []
        self.engines: list[ThreadEngine] = []

    def build(self, respond: Respond, *, store: Store | None = None, **options: Any) -> ThreadEngine:
        options.setdefault("on_failure", lambda failed, message: self.failures.append(message))
        self.engines.append(ThreadEngine(respond=respond, store=store or self.store, **options))
        return self.engines[-1]


@pytest.fixture
def house(store: SqlStore) -> Iterator[House]:
    house = House(store)
    yield house
    for engine in house.engines:
        engine.stop(timeout=timedelta(seconds=5))


def is_idle(engine: ThreadEngine) -> Callable[[], bool]:
    return lambda: not any(engine.segments().values())


# --- threads ----------------------------------------------------------------------------------------------------------


def test_start_returns_while_the_segment_runs_and_a_second_start_changes_nothing(house: House) -> None:
    gate = threading.Event()
    runs: list[SegmentKey] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        runs.append(key)
        gate.wait(10)

    engine = house.build(respond)
    keys = [key(number) for number in range(20)]
    for one in keys * 3:
        engine.start(one)
    until(lambda: len(runs) == 20)
    assert all(engine.is_running(one) for one in keys)
    gate.set()
    until(is_idle(engine))

    assert sorted(runs, key=str) == sorted(keys, key=str)


def test_started_from_many_threads_at_once_each_segment_runs_once(house: House) -> None:
    gate = threading.Event()
    runs: list[SegmentKey] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        runs.append(key)
        gate.wait(10)

    engine = house.build(respond)
    keys = [key(number) for number in range(10)]

    def start_all() -> None:
        for one in keys:
            engine.start(one)

    threads = [threading.Thread(target=start_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.set()
    until(is_idle(engine))

    assert sorted(runs, key=str) == sorted(keys, key=str)


def test_more_segments_than_threads_wait_for_one_and_are_shown_as_queued(house: House) -> None:
    gate = threading.Event()

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        gate.wait(10)

    engine = house.build(respond, threads=2)
    for number in range(5):
        engine.start(key(number))
    until(lambda: len(engine.segments()["running"]) == 2)

    assert len(engine.segments()["queued"]) == 3
    gate.set()
    until(is_idle(engine))


def test_a_critical_one_that_comes_behind_a_storm_of_low_ones_is_next(house: House) -> None:
    gate = threading.Event()
    runs: list[SegmentKey] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        runs.append(key)
        gate.wait(10)

    engine = house.build(respond, threads=1)
    engine.start(key(0), severity=Severity.LOW)
    until(lambda: len(runs) == 1)
    low = [key(number) for number in range(1, 101)]
    for one in low:
        engine.start(one, severity=Severity.LOW)
    engine.start(key(101), severity=Severity.HIGH)
    engine.start(key(102), severity=Severity.CRITICAL)
    gate.set()
    until(is_idle(engine))

    assert runs == [key(0), key(102), key(101), *low]


def test_one_that_becomes_worse_while_it_waits_moves_up_and_runs_once(house: House) -> None:
    gate = threading.Event()
    runs: list[SegmentKey] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        runs.append(key)
        gate.wait(10)

    engine = house.build(respond, threads=1)
    engine.start(key(0))
    until(lambda: len(runs) == 1)
    for number in (1, 2, 3):
        engine.start(key(number), severity=Severity.LOW)
    engine.start(key(3), severity=Severity.HIGH)
    engine.start(key(3), severity=Severity.MEDIUM)
    gate.set()
    until(is_idle(engine))

    assert runs == [key(0), key(3), key(1), key(2)]


def test_what_still_waits_for_a_thread_at_a_stop_never_begins(house: House) -> None:
    gate = threading.Event()
    runs: list[SegmentKey] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        runs.append(key)
        gate.wait(10)

    engine = house.build(respond, threads=1)
    for number in range(3):
        engine.start(key(number))
    until(lambda: len(runs) == 1)
    opener = threading.Timer(0.1, gate.set)
    opener.start()
    engine.stop(timeout=LONG)
    opener.join()

    assert runs == [key(0)]
    assert is_idle(engine)()


@pytest.mark.slow
def test_an_idle_engine_costs_less_than_half_a_percent_of_a_core(house: House) -> None:
    engine = house.build(lambda ctx, key: None)
    engine.start(key())
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()

    threading.Event().wait(10)

    after, took = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent / took < 0.005


# --- a store that is away ---------------------------------------------------------------------------------------------


def test_a_segment_waits_while_the_store_is_away_and_goes_on_where_it_was(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    away = Away(house.store, UnreachableError("no answer"), OverloadedError("full"), RetryableError("a deadlock"))
    steps: list[str] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("first", lambda: steps.append("first"))
        ctx.tx("write", lambda tx: note(tx, "row"))

    engine = house.build(respond, store=away)
    with caplog.at_level(logging.WARNING, "recoverops.workflows"):
        engine.start(key())
        until(is_idle(engine))

    assert steps == ["first"]
    assert notes(house.store) == ["row"]
    assert house.failures == []
    [told] = [vars(record) for record in caplog.records if record.message == "workflow.store_away"]
    assert (told["step"], told["text"]) == ("write", "no answer")


def test_a_read_waits_for_the_store_as_well(house: House) -> None:
    away = Away(house.store, UnreachableError("no answer"))
    seen: list[int] = []
    engine = house.build(lambda ctx, key: seen.append(ctx.read("look", lambda tx: len(tx.audit.entries()))), store=away)

    engine.start(key())
    until(is_idle(engine))

    assert seen == [0]
    assert house.failures == []


def test_a_transaction_waits_while_another_process_holds_the_file_and_then_happens_once(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    impatient = Database("sqlite", StorageSettings(busy_timeout_s=0.1), database.data_dir)
    with impatient.open(clock) as store:
        house = House(store)
        engine = house.build(lambda ctx, key: ctx.tx("write", lambda tx: note(tx, "row")))
        with closing(sqlite3.connect(database.data_dir / "recoverops.sqlite", isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            engine.start(key())
            threading.Event().wait(0.5)
            assert engine.is_running(key())
            blocker.execute("ROLLBACK")
        until(is_idle(engine))
        engine.stop(timeout=LONG)

        assert notes(store) == ["row"]
        assert house.failures == []


def test_other_errors_of_the_store_are_the_response_s_to_hear(house: House) -> None:
    away = Away(house.store, ConflictError("saved by somebody else"))
    engine = house.build(lambda ctx, key: ctx.tx("write", lambda tx: note(tx, "row")), store=away)

    engine.start(key())
    until(is_idle(engine))

    assert house.failures == ["ConflictError: saved by somebody else"]


def test_what_is_owed_is_tried_again_also_while_the_engine_stops(house: House) -> None:
    away = Away(house.store)
    away.is_away = True
    engine = house.build(lambda ctx, key: ctx.tx("outcome", lambda tx: note(tx, "row"), is_owed=True), store=away)
    engine.start(key())
    until(lambda: away.asked > 1)

    def come_back() -> None:
        away.is_away = False

    later = threading.Timer(0.3, come_back)
    later.start()
    engine.stop(timeout=LONG)
    later.join()

    assert notes(house.store) == ["row"]
    assert house.failures == []


def test_the_wait_for_what_is_owed_ends_with_the_time_of_the_stop(house: House) -> None:
    away = Away(house.store)
    away.is_away = True
    engine = house.build(lambda ctx, key: ctx.tx("outcome", lambda tx: note(tx, "row"), is_owed=True), store=away)
    engine.start(key())
    until(lambda: away.asked > 1)

    engine.stop(timeout=timedelta(seconds=0.2))
    until(is_idle(engine))
    away.is_away = False

    assert notes(house.store) == []
    assert house.failures == []


def test_a_stop_ends_the_wait_for_the_store(house: House) -> None:
    away = Away(house.store)
    away.is_away = True
    engine = house.build(lambda ctx, key: ctx.tx("write", lambda tx: note(tx, "row")), store=away)
    engine.start(key())
    until(lambda: away.asked > 1)

    began = time.monotonic()
    engine.stop(timeout=LONG)

    assert time.monotonic() - began < 10
    assert is_idle(engine)()
    assert house.failures == []


# --- failures ---------------------------------------------------------------------------------------------------------


def _broken(ctx: WorkflowContext, key: SegmentKey) -> None:
    nothing: dict[str, int] = {}
    ctx.step("look", lambda: nothing["nothing"])


def test_a_failure_is_told_again_until_somebody_heard_it(house: House) -> None:
    told: list[str] = []

    def on_failure(failed: SegmentKey, message: str) -> None:
        told.append(message)
        if len(told) < 3:
            raise UnreachableError("the store is away")

    engine = house.build(_broken, on_failure=on_failure)
    engine.start(key())
    until(is_idle(engine))

    assert told == ["KeyError: 'nothing'"] * 3


def test_the_log_says_at_which_step_a_segment_failed(house: House, caplog: pytest.LogCaptureFixture) -> None:
    engine = house.build(_broken)
    with caplog.at_level(logging.ERROR, "recoverops.workflows"):
        engine.start(key())
        until(is_idle(engine))

    [told] = [vars(record) for record in caplog.records if record.message == "workflow.segment_failed"]
    assert (told["workflow_id"], told["step"], told["text"]) == (key().workflow_id, "look", "KeyError: 'nothing'")


def test_a_failure_that_nobody_hears_of_is_left_when_the_engine_stops(house: House) -> None:
    told: list[str] = []

    def on_failure(failed: SegmentKey, message: str) -> None:
        told.append(message)
        raise UnreachableError("the store is away")

    engine = house.build(_broken, on_failure=on_failure)
    engine.start(key())
    until(lambda: bool(told))
    began = time.monotonic()
    engine.stop(timeout=LONG)

    assert time.monotonic() - began < 10
    assert is_idle(engine)()


def test_what_a_segment_stumbles_over_while_the_engine_stops_is_no_failure_of_its_work(house: House) -> None:
    begun, gate = threading.Event(), threading.Event()

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        begun.set()
        gate.wait(10)
        raise RuntimeError("the pool is gone")

    engine = house.build(respond)
    engine.start(key())
    begun.wait(10)
    opener = threading.Timer(0.1, gate.set)
    opener.start()
    engine.stop(timeout=LONG)
    opener.join()

    assert house.failures == []


# --- a stop -----------------------------------------------------------------------------------------------------------


def test_a_stop_does_not_wait_for_a_sleep(house: House) -> None:
    began_to_sleep = threading.Event()

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        began_to_sleep.set()
        ctx.sleep(timedelta(seconds=60))
        ctx.tx("write", lambda tx: note(tx, "row"))

    engine = house.build(respond)
    engine.start(key())
    began_to_sleep.wait(10)
    began = time.monotonic()
    engine.stop(timeout=LONG)

    assert time.monotonic() - began < 10
    assert is_idle(engine)()
    assert notes(house.store) == []
    assert house.failures == []


@pytest.mark.parametrize("kind", ["step", "tx", "read", "sleep"])
def test_a_stop_lets_the_running_step_end_and_only_what_is_owed_follows(house: House, kind: str) -> None:
    begun, gate = threading.Event(), threading.Event()
    seen: list[str] = []

    def look() -> None:
        begun.set()
        gate.wait(10)
        seen.append("look")

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("look", look)
        ctx.step("effect", lambda: seen.append("effect"), is_owed=True)
        ctx.tx("outcome", lambda tx: note(tx, "outcome"), is_owed=True)
        if kind == "step":
            ctx.step("more", lambda: None)
        elif kind == "tx":
            ctx.tx("more", lambda tx: None)
        elif kind == "read":
            ctx.read("more", lambda tx: None)
        else:
            ctx.sleep(timedelta(0))
        seen.append("more")

    engine = house.build(respond)
    engine.start(key())
    begun.wait(10)
    opener = threading.Timer(0.2, gate.set)
    opener.start()
    engine.stop(timeout=LONG)
    opener.join()

    assert seen == ["look", "effect"]
    assert notes(house.store) == ["outcome"]
    assert house.failures == []


@pytest.mark.parametrize("kind", ["tx", "owed tx", "step", "owed step"])
def test_a_step_that_outlives_the_stop_writes_nothing(
    house: House, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    begun, gate = threading.Event(), threading.Event()

    def stubborn() -> None:
        begun.set()
        gate.wait(30)

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("stubborn", stubborn)
        is_owed = kind.startswith("owed")
        if kind.endswith("tx"):
            ctx.tx("write", lambda tx: note(tx, "row"), is_owed=is_owed)
        else:
            ctx.step("act", lambda: house.store.write(lambda tx: note(tx, "row")), is_owed=is_owed)

    engine = house.build(respond)
    engine.start(key())
    begun.wait(10)
    with caplog.at_level(logging.WARNING, "recoverops.workflows"):
        engine.stop(timeout=timedelta(milliseconds=50))
    assert [record.message for record in caplog.records] == ["workflow.stopped_while_running"]
    gate.set()
    until(is_idle(engine))

    assert notes(house.store) == []
    assert house.failures == []


def test_after_a_stop_another_engine_may_live_on_the_same_store(house: House) -> None:
    house.build(lambda ctx, key: None).stop(timeout=LONG)
    later = house.build(lambda ctx, key: ctx.tx("write", lambda tx: note(tx, "row")))

    later.start(key())
    until(is_idle(later))

    assert notes(house.store) == ["row"]

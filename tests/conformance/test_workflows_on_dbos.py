"""What only the DBOS engine has to keep: its files, its silence, its stop, its restart, its cost."""

from __future__ import annotations

import logging
import resource
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from dbos import _serialization

from recoverops.clock import SystemClock
from recoverops.model import ConflictError, IncidentId, PermanentError, SegmentKey, UnreachableError
from recoverops.ports import Clock, Respond, Tx, WorkflowContext
from recoverops.workflows import DbosEngine
from recoverops.workflows.connections import Halt, Patience, PatientEngine

FIVE_SECONDS = timedelta(seconds=5)


def key(number: int = 1) -> SegmentKey:
    return SegmentKey(incident_id=IncidentId(f"inc-{number}"), episode=1, segment=1)


def insert(tx: Tx, text: str) -> None:
    cast(sa.Connection, tx).execute(sa.text("INSERT INTO note (text) VALUES (:text)"), {"text": text})


def until(what: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if what():
            return
        pause.wait(0.005)
    raise AssertionError("it did not come true within 10 s")


class LaterClock(SystemClock):
    """The system's clock, an hour on."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


class House:
    """One data directory, in which one engine after another may live."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = sa.create_engine(f"sqlite:///{folder}/store.sqlite", connect_args={"timeout": 0.05})
        with self.store.begin() as connection:
            connection.execute(sa.text("PRAGMA journal_mode=WAL"))
            connection.execute(sa.text("CREATE TABLE note (text TEXT NOT NULL)"))
        self.failures: list[str] = []
        self.engines: list[DbosEngine] = []

    def build(
        self,
        respond: Respond,
        *,
        release: str = "one",
        clock: Clock | None = None,
        on_failure: Callable[[SegmentKey, str], None] | None = None,
    ) -> DbosEngine:
        engine = DbosEngine(
            respond=respond,
            dbos_url=f"sqlite:///{self.folder}/dbos.sqlite",
            store_url=str(self.store.url),
            store_engine=self.store,
            tx_of=lambda connection: cast(Tx, connection),
            clock=clock or SystemClock(),
            application_version=release,
            on_failure=on_failure or (lambda failed, message: self.failures.append(message)),
        )
        self.engines.append(engine)
        return engine

    def launch(self, respond: Respond, **options: Any) -> DbosEngine:
        engine = self.build(respond, **options)
        engine.launch()
        return engine

    def rows(self, file: str, sql: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.folder / file)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def notes(self) -> list[str]:
        return [text for (text,) in self.rows("store.sqlite", "SELECT text FROM note ORDER BY rowid")]

    def status(self) -> dict[str, str]:
        return dict(self.rows("dbos.sqlite", "SELECT workflow_uuid, status FROM workflow_status"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    for engine in house.engines:
        engine.stop(timeout=FIVE_SECONDS)
    house.store.dispose()


def finish(engine: DbosEngine, *keys: SegmentKey) -> None:
    for one in keys:
        engine.start(one)
    until(lambda: not any(engine.is_running(one) for one in keys))


def nothing(ctx: WorkflowContext, key: SegmentKey) -> None:
    """A response that has nothing to do."""


def test_nothing_is_ever_pickled_neither_inputs_nor_answers_nor_errors_nor_rows(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled: list[object] = []
    serializer = _serialization.DefaultSerializer

    def note(self: object, data: object) -> str:
        pickled.append(data)
        return ""

    monkeypatch.setattr(serializer, "serialize", note)
    monkeypatch.setattr(serializer, "deserialize", note)
    seen: list[tuple[Any, ...]] = []

    def refuse(tx: Tx) -> None:
        raise ConflictError("no")

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("write", lambda tx: insert(tx, "row"), returns=None)
        with pytest.raises(ConflictError):
            ctx.tx("refuse", refuse, returns=None)
        # DBOS drops these rows when the segment ends, so they are looked at from inside.
        sql = "SELECT output, error, serialization FROM datasource_outputs ORDER BY step_id"
        ctx.step("look", lambda: seen.extend(house.rows("store.sqlite", sql)), returns=None)
        ctx.sleep(timedelta(milliseconds=1))
        raise ValueError("password=hunter2 was refused")

    finish(house.launch(respond), key())
    until(lambda: house.status() == {key().workflow_id: "ERROR"})

    assert pickled == []
    assert [row[2] for row in seen] == ["recoverops_json"] * 2
    assert seen[0][0] == '{"value":["write",null]}'
    assert seen[1][1] == '{"failure":{"type":"ConflictError","message":"no","delay_s":null}}'
    for table in ("workflow_status", "operation_outputs"):
        assert house.rows("dbos.sqlite", f"SELECT DISTINCT serialization FROM {table}") == [("recoverops_json",)]
    everything = b"".join(file.read_bytes() for file in sorted(house.folder.iterdir()))
    assert b"SegmentFailedError" in everything
    assert b"hunter2" not in everything
    # A pickle begins with PROTO and, since protocol 4, FRAME; DBOS would store it as base64.
    assert b"\x80\x04\x95" not in everything
    assert b"gASV" not in everything


def test_a_segment_is_stored_with_its_ids_and_nothing_else(house: House) -> None:
    finish(house.launch(nothing), key(7))

    [(inputs,)] = house.rows("dbos.sqlite", "SELECT inputs FROM workflow_input")
    assert inputs == '{"value":{"args":["inc-7",1,1],"kwargs":{}}}'


def test_the_database_of_dbos_is_in_wal_mode_and_readable_by_its_owner_only(house: House) -> None:
    (house.folder / "dbos.sqlite").touch(mode=0o644)

    finish(house.launch(nothing), key())

    modes = {file.name: file.stat().st_mode & 0o777 for file in house.folder.glob("dbos.sqlite*")}
    assert modes == {"dbos.sqlite": 0o600, "dbos.sqlite-shm": 0o600, "dbos.sqlite-wal": 0o600}
    assert house.rows("dbos.sqlite", "PRAGMA journal_mode") == [("wal",)]


def test_dbos_prints_nothing_and_its_warnings_reach_our_logger_without_secrets(
    house: House, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        raise ValueError("broken")

    with caplog.at_level(logging.INFO):
        engine = house.launch(respond)
        finish(engine, key())
        logging.getLogger("dbos").info("visit our console")
        logging.getLogger("dbos").warning("cannot reach postgresql://me:hunter2@db/x")
        engine.stop(timeout=FIVE_SECONDS)

    assert capfd.readouterr() == ("", "")
    ours = [record for record in caplog.records if record.name == "recoverops.workflows"]
    assert [record.message for record in ours] == [
        "workflow.launched",
        "workflow.segment_failed",
        "workflow.library_message",
    ]
    assert ours[-1].__dict__["text"] == "cannot reach postgresql://me:[redacted]@db/x"
    # pytest listens to loggers that do not propagate, too; nobody else does.
    assert logging.getLogger("dbos").propagate is False


def test_a_second_live_engine_is_refused_and_after_a_stop_the_next_one_runs(house: House) -> None:
    first = house.launch(nothing)
    second = house.build(nothing)

    with pytest.raises(ConflictError, match="runs a workflow engine already"):
        second.launch()
    finish(first, key(1))
    first.stop(timeout=FIVE_SECONDS)
    second.launch()
    finish(second, key(2))

    until(lambda: house.status() == {key(1).workflow_id: "SUCCESS", key(2).workflow_id: "SUCCESS"})


def test_an_engine_that_was_stopped_is_not_launched_again(house: House) -> None:
    engine = house.launch(nothing)
    engine.stop(timeout=FIVE_SECONDS)

    with pytest.raises(ConflictError, match="build a new one"):
        engine.launch()


def test_a_start_before_the_launch_is_refused(house: House) -> None:
    with pytest.raises(ConflictError, match="before the engine is launched"):
        house.build(nothing).start(key())


def test_a_launch_without_a_database_says_so_and_leaves_room_for_another_engine(house: House, tmp_path: Path) -> None:
    lost = sa.create_engine(f"sqlite:///{tmp_path}/no/such/folder/store.sqlite")
    engine = DbosEngine(
        respond=nothing,
        dbos_url=f"sqlite:///{tmp_path}/dbos.sqlite",
        store_url=str(lost.url),
        store_engine=lost,
        tx_of=lambda connection: cast(Tx, connection),
        clock=SystemClock(),
        application_version="one",
        on_failure=lambda failed, message: None,
    )

    with pytest.raises(UnreachableError, match="no/such/folder"):
        engine.launch()
    finish(house.launch(nothing), key())

    until(lambda: house.status() == {key().workflow_id: "SUCCESS"})


def test_start_returns_while_the_segment_still_runs(house: House) -> None:
    gate = threading.Event()

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("gate", lambda: gate.wait(10), returns=bool)

    engine = house.launch(respond)
    keys = [key(n) for n in range(20)]
    took: list[float] = []

    for one in keys:
        before = time.perf_counter()
        engine.start(one)
        took.append(time.perf_counter() - before)
    running = [engine.is_running(one) for one in keys]
    gate.set()
    finish(engine, *keys)

    assert all(running)
    assert statistics.median(took) < 0.05


def test_starting_from_many_threads_at_once_runs_each_segment_once(house: House) -> None:
    runs: list[SegmentKey] = []
    engine = house.launch(lambda ctx, key: ctx.step("count", lambda: runs.append(key), returns=None))
    keys = [key(n) for n in range(10)]

    def start_all() -> None:
        for one in keys:
            engine.start(one)

    threads = [threading.Thread(target=start_all) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: not any(engine.is_running(one) for one in keys))

    assert sorted(run.workflow_id for run in runs) == sorted(one.workflow_id for one in keys)
    assert house.failures == []


def test_a_stop_does_not_wait_for_a_sleep_and_the_next_release_sleeps_only_the_rest(house: House) -> None:
    slept: list[datetime] = []
    clocks: list[Clock] = [SystemClock()]

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("first", lambda: insert_note("first"), returns=None)
        ctx.sleep(ctx.now("began") + timedelta(seconds=60) - clocks[-1].now())
        slept.append(ctx.now("woken"))

    def insert_note(text: str) -> None:
        with house.store.begin() as connection:
            insert(cast(Tx, connection), text)

    engine = house.launch(respond, release="one")
    engine.start(key())
    until(lambda: len(house.rows("dbos.sqlite", "SELECT 1 FROM operation_outputs")) == 2)
    before = time.monotonic()
    engine.stop(timeout=timedelta(seconds=30))
    took = time.monotonic() - before

    assert took < 5
    assert house.status() == {key().workflow_id: "PENDING"}

    clocks.append(LaterClock())
    later = house.launch(respond, release="two", clock=clocks[-1])
    assert later.is_running(key())
    until(lambda: not later.is_running(key()))

    assert len(slept) == 1
    assert house.notes() == ["first"]
    assert house.failures == []


def test_a_stop_lets_the_running_step_end_and_remembers_it(house: House) -> None:
    begun, gate = threading.Event(), threading.Event()
    seen: list[str] = []

    def slow() -> None:
        begun.set()
        gate.wait(10)
        seen.append("first")

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("first", slow, returns=None)
        ctx.step("second", lambda: seen.append("second"), returns=None)

    engine = house.launch(respond)
    engine.start(key())
    begun.wait(10)
    opener = threading.Timer(0.2, gate.set)
    opener.start()
    engine.stop(timeout=timedelta(seconds=10))
    opener.join()
    at_stop = list(seen)
    engine.start(key(2))
    again = house.launch(respond)
    until(lambda: not again.is_running(key()))

    assert at_stop == ["first"]
    assert seen == ["first", "second"]
    assert set(house.status()) == {key().workflow_id}


def test_a_step_that_outlives_the_stop_writes_nothing_and_runs_again_later(house: House) -> None:
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()
    lives: list[int] = []

    def stubborn() -> None:
        lives.append(len(lives))
        if len(lives) == 1:
            begun.set()
            gate.wait(30)
            ended.set()

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("stubborn", stubborn, returns=None)
        ctx.tx("write", lambda tx: insert(tx, "row"), returns=None)

    engine = house.launch(respond)
    engine.start(key())
    begun.wait(10)
    engine.stop(timeout=timedelta(milliseconds=50))
    again = house.launch(respond)
    until(lambda: not again.is_running(key()))
    gate.set()
    assert ended.wait(10)
    until(lambda: not engine.is_running(key()))

    assert lives == [0, 1]
    assert house.notes() == ["row"]
    assert house.failures == []


def test_a_transaction_waits_while_the_store_is_locked_and_then_happens_once(house: House) -> None:
    begun = threading.Event()
    attempts: list[int] = []

    def write(tx: Tx) -> None:
        attempts.append(1)
        begun.set()
        insert(tx, "row")

    engine = house.launch(lambda ctx, key: ctx.tx("write", write, returns=None))
    blocker = sqlite3.connect(house.folder / "store.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    engine.start(key())
    begun.wait(10)
    until(lambda: len(attempts) > 2)
    blocker.execute("ROLLBACK")
    blocker.close()
    until(lambda: not engine.is_running(key()))

    assert house.notes() == ["row"]
    assert house.failures == []


def test_a_stop_ends_the_wait_for_a_locked_store_and_the_segment_stays_pending(house: House) -> None:
    attempts: list[int] = []

    def write(tx: Tx) -> None:
        attempts.append(1)
        insert(tx, "row")

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("write", write, returns=None)

    engine = house.launch(respond)
    blocker = sqlite3.connect(house.folder / "store.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    engine.start(key())
    until(lambda: len(attempts) > 1)
    before = time.monotonic()
    engine.stop(timeout=timedelta(seconds=20))
    took = time.monotonic() - before
    blocker.execute("ROLLBACK")
    blocker.close()

    assert took < 10
    assert not engine.is_running(key())
    assert house.status() == {key().workflow_id: "PENDING"}
    assert house.failures == []

    again = house.launch(respond)
    until(lambda: not again.is_running(key()))
    assert house.notes() == ["row"]


def test_a_failure_is_told_again_until_somebody_heard_it(house: House) -> None:
    told: list[str] = []

    def on_failure(failed: SegmentKey, message: str) -> None:
        told.append(message)
        if len(told) < 3:
            raise UnreachableError("the store is away")

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        raise ValueError("broken")

    finish(house.launch(respond, on_failure=on_failure), key())
    until(lambda: house.status() == {key().workflow_id: "ERROR"})

    assert told == ["ValueError: broken"] * 3


def test_a_release_that_takes_other_steps_fails_the_pending_segment_instead_of_guessing(house: House) -> None:
    def old(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("look", lambda: 1, returns=int)
        ctx.now("then")
        ctx.sleep(timedelta(seconds=60))

    def new(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("listen", lambda: 1, returns=int)

    engine = house.launch(old, release="one")
    engine.start(key())
    until(lambda: len(house.rows("dbos.sqlite", "SELECT 1 FROM operation_outputs")) == 2)
    engine.stop(timeout=FIVE_SECONDS)
    later = house.launch(new, release="two")
    until(lambda: not later.is_running(key()))

    [message] = house.failures
    assert "look" in message
    assert "listen" in message


def test_a_segment_that_was_cut_off_twenty_times_fails_instead_of_running_again(house: House) -> None:
    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.now("began")
        ctx.sleep(timedelta(seconds=60))

    engine = house.launch(respond)
    engine.start(key())
    until(lambda: len(house.rows("dbos.sqlite", "SELECT 1 FROM operation_outputs")) == 1)
    engine.stop(timeout=FIVE_SECONDS)
    connection = sqlite3.connect(house.folder / "dbos.sqlite")
    with connection:
        connection.execute("UPDATE workflow_status SET recovery_attempts = 20")
    connection.close()
    later = house.launch(respond)
    until(lambda: not later.is_running(key()))

    [message] = house.failures
    assert message.startswith(f"PermanentError: {key().workflow_id} was cut off 20 times")


@pytest.mark.slow
def test_an_idle_engine_costs_less_than_half_a_percent_of_a_core(house: House) -> None:
    house.launch(nothing)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()

    threading.Event().wait(10)

    after, took = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent / took < 0.005


def test_a_missing_database_makes_a_starter_hear_it_and_a_segment_wait_until_the_stop(tmp_path: Path) -> None:
    patience = Patience()
    engine = PatientEngine(sa.create_engine(f"sqlite:///{tmp_path}/none/x.sqlite"), {}, patience)
    ends: list[BaseException] = []

    def segment() -> None:
        try:
            with patience.as_segment():
                engine.connect()
        except Halt as halt:
            ends.append(halt)

    with patience.as_caller(), pytest.raises(UnreachableError, match="does not answer"):
        engine.connect()
    with pytest.raises(sa.exc.OperationalError):
        engine.connect()
    thread = threading.Thread(target=segment)
    thread.start()
    thread.join(0.3)
    was_waiting = thread.is_alive()
    patience.stop()
    thread.join(5)

    assert was_waiting
    assert [type(end) for end in ends] == [Halt]


def test_a_segment_goes_on_when_the_database_is_back(tmp_path: Path) -> None:
    patience = Patience()
    folder = tmp_path / "later"
    engine = PatientEngine(sa.create_engine(f"sqlite:///{folder}/x.sqlite"), {}, patience).execution_options(a=1)
    answers: list[int | None] = []

    def segment() -> None:
        with patience.as_segment(), engine.connect() as connection:
            answers.append(connection.scalar(sa.text("SELECT 1")))

    thread = threading.Thread(target=segment)
    thread.start()
    thread.join(0.2)
    folder.mkdir()
    thread.join(5)

    assert answers == [1]


def test_an_answer_of_another_shape_from_an_older_release_is_a_permanent_error(house: House) -> None:
    types: list[Any] = [int, str]
    errors: list[Exception] = []

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        value: Any = 1 if types[0] is int else "one"
        try:
            ctx.step("look", lambda: value, returns=types[0])
        except PermanentError as error:
            errors.append(error)
        else:
            ctx.now("then")
            ctx.sleep(timedelta(seconds=60))

    engine = house.launch(respond)
    engine.start(key())
    until(lambda: len(house.rows("dbos.sqlite", "SELECT 1 FROM operation_outputs")) == 2)
    engine.stop(timeout=FIVE_SECONDS)
    types.pop(0)
    later = house.launch(respond, clock=LaterClock())
    until(lambda: not later.is_running(key()))

    [error] = errors
    assert 'step "look"' in str(error)

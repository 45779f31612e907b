"""On PostgreSQL too: our rows and DBOS's memory of a transaction commit together, and one process owns a database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import cast

import pytest
import sqlalchemy as sa

from recoverops.clock import SystemClock
from recoverops.model import ConflictError, IncidentId, SegmentKey, UnreachableError
from recoverops.ports import Respond, Tx, WorkflowContext
from recoverops.workflows import DbosEngine
from recoverops.workflows.claim import claim_database

KEY = SegmentKey(incident_id=IncidentId("inc-1"), episode=1, segment=1)
BuildEngine = Callable[[Respond], DbosEngine]


def until(what: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if what():
            return
        pause.wait(0.005)
    raise AssertionError("it did not come true within 10 s")


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    text: str = request.getfixturevalue("postgres_url")
    return sa.make_url(text).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@pytest.fixture
def store(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA IF EXISTS dbos CASCADE"))
        connection.execute(sa.text("DROP TABLE IF EXISTS note"))
        connection.execute(sa.text("CREATE TABLE note (text TEXT NOT NULL)"))
    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA IF EXISTS dbos CASCADE"))
        connection.execute(sa.text("DROP TABLE note"))
    engine.dispose()


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def build(url: str, store: sa.Engine, failures: list[str]) -> Iterator[BuildEngine]:
    engines: list[DbosEngine] = []

    def built(respond: Respond) -> DbosEngine:
        engine = DbosEngine(
            respond=respond,
            dbos_url=url,
            store_url=url,
            store_engine=store,
            tx_of=lambda connection: cast(Tx, connection),
            clock=SystemClock(),
            application_version="test",
            on_failure=lambda key, message: failures.append(message),
        )
        engines.append(engine)
        return engine

    yield built
    for engine in engines:
        engine.stop(timeout=timedelta(seconds=5))


def insert(tx: Tx, text: str) -> None:
    cast(sa.Connection, tx).execute(sa.text("INSERT INTO note VALUES (:text)"), {"text": text})


def notes(store: sa.Engine) -> list[str]:
    with store.connect() as connection:
        return list(connection.scalars(sa.text("SELECT text FROM note ORDER BY text")))


def test_rows_and_their_memory_appear_in_the_same_moment(
    build: BuildEngine, store: sa.Engine, failures: list[str]
) -> None:
    seen: list[tuple[int, int]] = []

    def count() -> None:
        with store.connect() as connection:
            rows = connection.scalar(sa.text("SELECT count(*) FROM note"))
            memories = connection.scalar(sa.text("SELECT count(*) FROM dbos.datasource_outputs"))
            seen.append((cast(int, rows), cast(int, memories)))

    def write(tx: Tx) -> None:
        insert(tx, "row")
        count()

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("write", write, returns=None)
        ctx.step("count", count, returns=None)

    engine = build(respond)
    engine.launch()
    engine.start(KEY)
    until(lambda: not engine.is_running(KEY))

    assert failures == []
    assert seen == [(0, 0), (1, 1)]


def test_a_transaction_that_raises_leaves_no_rows_and_the_store_decides_the_isolation(
    build: BuildEngine, store: sa.Engine, failures: list[str]
) -> None:
    levels: list[str] = []

    def refuse(tx: Tx) -> None:
        insert(tx, "lost")
        levels.append(cast(sa.Connection, tx).execute(sa.text("SHOW transaction_isolation")).scalar_one())
        raise ConflictError("saved by somebody else")

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        with pytest.raises(ConflictError):
            ctx.tx("refuse", refuse, returns=None)
        ctx.tx("write", lambda tx: insert(tx, "kept"), returns=None)

    engine = build(respond)
    engine.launch()
    engine.start(KEY)
    until(lambda: not engine.is_running(KEY))

    assert failures == []
    assert notes(store) == ["kept"]
    assert levels == ["read committed"]


def test_a_lost_connection_repeats_the_transaction_and_its_row_is_there_once(
    build: BuildEngine, store: sa.Engine, failures: list[str]
) -> None:
    attempts: list[int] = []

    def write(tx: Tx) -> None:
        connection = cast(sa.Connection, tx)
        insert(tx, "row")
        attempts.append(1)
        if len(attempts) == 1:
            connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    engine = build(lambda ctx, key: ctx.tx("write", write, returns=None))
    engine.launch()
    engine.start(KEY)
    until(lambda: not engine.is_running(KEY))

    assert failures == []
    assert len(attempts) == 2
    assert notes(store) == ["row"]


class Outage:
    """Takes the test's database away, and gives it back."""

    def __init__(self, url: str) -> None:
        self._name = sa.make_url(url).database
        self._server = sa.create_engine(sa.make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")

    def begin(self) -> None:
        with self._server.connect() as connection:
            connection.execute(sa.text(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false"))
            sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(sa.text(sql), {"name": self._name})

    def end(self) -> None:
        with self._server.connect() as connection:
            connection.execute(sa.text(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true"))
        self._server.dispose()


@pytest.fixture
def outage(url: str, store: sa.Engine) -> Iterator[Outage]:
    outage = Outage(url)
    yield outage
    outage.end()


def test_segments_wait_out_an_outage_and_a_start_meanwhile_hears_of_it(
    build: BuildEngine, store: sa.Engine, failures: list[str], outage: Outage
) -> None:
    reached, gate = threading.Event(), threading.Event()

    def pause() -> None:
        reached.set()
        gate.wait(10)

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("pause", pause, returns=None)
        ctx.tx("write", lambda tx: insert(tx, "row"), returns=None)

    engine = build(respond)
    engine.launch()
    engine.start(KEY)
    reached.wait(10)
    outage.begin()
    gate.set()
    with pytest.raises(UnreachableError, match="nothing was started"):
        engine.start(SegmentKey(incident_id=IncidentId("inc-2"), episode=1, segment=1))
    still_runs = engine.is_running(KEY)
    outage.end()
    until(lambda: not engine.is_running(KEY))

    assert still_runs
    assert failures == []
    assert notes(store) == ["row"]


def test_an_engine_stops_during_an_outage_and_leaves_no_thread_behind(
    build: BuildEngine, store: sa.Engine, failures: list[str], outage: Outage
) -> None:
    reached, gate = threading.Event(), threading.Event()

    def pause() -> None:
        reached.set()
        gate.wait(10)

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("pause", pause, returns=None)
        ctx.tx("write", lambda tx: insert(tx, "row"), returns=None)

    engine = build(respond)
    engine.launch()
    engine.start(KEY)
    reached.wait(10)
    outage.begin()
    gate.set()
    engine.stop(timeout=timedelta(seconds=5))
    until(lambda: not any(thread.name.startswith("dbos-executor") for thread in threading.enumerate()))
    outage.end()
    later = build(respond)
    later.launch()
    until(lambda: not later.is_running(KEY))

    assert failures == []
    assert notes(store) == ["row"]


def test_a_segment_cut_off_by_a_stop_goes_on_with_the_next_engine(
    build: BuildEngine, store: sa.Engine, failures: list[str]
) -> None:
    gate = threading.Event()

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.tx("write", lambda tx: insert(tx, "first"), returns=None)
        if not gate.is_set():
            ctx.sleep(timedelta(seconds=60))
        else:
            ctx.sleep(timedelta(milliseconds=1))
        ctx.tx("last", lambda tx: insert(tx, "last"), returns=None)

    engine = build(respond)
    engine.launch()
    engine.start(KEY)
    until(lambda: notes(store) == ["first"])
    engine.stop(timeout=timedelta(seconds=10))
    gate.set()
    later = build(respond)
    later.launch()
    until(lambda: not later.is_running(KEY))

    assert failures == []
    assert notes(store) == ["first", "last"]


def test_a_second_process_on_the_same_database_is_refused(build: BuildEngine, url: str, store: sa.Engine) -> None:
    engine = build(lambda ctx, key: None)
    engine.launch()

    with pytest.raises(ConflictError, match="another process runs the workflows"):
        claim_database(store)
    engine.stop(timeout=timedelta(seconds=5))
    give_back = claim_database(store)
    with pytest.raises(ConflictError, match="another process runs the workflows"):
        build(lambda ctx, key: None).launch()
    give_back()

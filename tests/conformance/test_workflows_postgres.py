"""Segments on a PostgreSQL that goes away and comes back, and the claim that keeps a database to one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import PoolProxiedConnection
from tests.conformance.test_workflows import key, note, notes
from tests.conformance.test_workflows_on_threads import House, is_idle, until

from recoverops.model import ConflictError, SegmentKey, UnreachableError
from recoverops.ports import Tx, WorkflowContext
from recoverops.storage import Claim, SqlStore

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
LONG = timedelta(seconds=20)
_END_WHO_IS_IN_A_TRANSACTION = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()"""


class Outage:
    """Takes the test's database away, and gives it back."""

    def __init__(self, url: sa.URL) -> None:
        self._name = url.database
        self._server = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")

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
def outage(store: SqlStore) -> Iterator[Outage]:
    outage = Outage(store.write_engine.url)
    yield outage
    outage.end()


@pytest.fixture
def house(store: SqlStore) -> Iterator[House]:
    house = House(store)
    yield house
    for engine in house.engines:
        engine.stop(timeout=timedelta(seconds=5))


class Paused:
    """A segment that acts, and then writes down what it did."""

    def __init__(self, *, is_owed: bool) -> None:
        self.is_owed = is_owed
        self.reached, self.gate = threading.Event(), threading.Event()
        self.effects = 0

    def respond(self, ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("effect", self._act)
        ctx.tx("outcome", lambda tx: note(tx, "outcome"), is_owed=self.is_owed)

    def _act(self) -> None:
        self.effects += 1
        self.reached.set()
        self.gate.wait(10)


def test_the_outcome_of_an_effect_waits_out_an_outage(house: House, outage: Outage) -> None:
    paused = Paused(is_owed=True)
    engine = house.build(paused.respond)
    engine.start(key())
    paused.reached.wait(10)
    outage.begin()
    paused.gate.set()
    threading.Event().wait(0.5)
    assert engine.is_running(key())
    outage.end()
    until(is_idle(engine))

    assert house.failures == []
    assert paused.effects == 1
    assert notes(house.store) == ["outcome"]


def test_an_engine_stops_during_an_outage_and_leaves_no_thread_at_work(house: House, outage: Outage) -> None:
    paused = Paused(is_owed=False)
    engine = house.build(paused.respond)
    engine.start(key())
    paused.reached.wait(10)
    outage.begin()
    paused.gate.set()
    engine.stop(timeout=LONG)
    assert is_idle(engine)()
    outage.end()

    assert house.failures == []
    assert notes(house.store) == []


def test_a_connection_that_is_lost_before_the_commit_repeats_the_transaction(house: House, store: SqlStore) -> None:
    attempts: list[int] = []

    def write(tx: Tx) -> None:
        note(tx, "row")
        attempts.append(1)
        if len(attempts) == 1:
            with store.write_engine.connect() as another:
                another.execute(sa.text(_END_WHO_IS_IN_A_TRANSACTION))

    engine = house.build(lambda ctx, key: ctx.tx("write", write))
    engine.start(key())
    until(is_idle(engine))

    assert house.failures == []
    assert len(attempts) == 2
    assert notes(house.store) == ["row"]


def test_a_connection_that_is_lost_after_the_commit_runs_it_again_and_it_finds_what_stands(
    house: House, store: SqlStore
) -> None:
    """As every transaction of a response does: it begins by finding out whether it was done."""
    attempts: list[int] = []

    def write(tx: Tx) -> str:
        attempts.append(1)
        if tx.audit.entries():
            return "found"
        note(tx, "row")
        return "written"

    answers: list[str] = []
    unheard = _lost_after_commit(store)
    engine = house.build(lambda ctx, key: answers.append(ctx.tx("write", write)))
    engine.start(key())
    until(is_idle(engine))

    assert unheard() == 1
    assert house.failures == []
    assert (len(attempts), answers) == (2, ["found"])
    assert notes(store) == ["row"]


def _lost_after_commit(store: SqlStore) -> Callable[[], int]:
    """The first commit reaches the server, but its answer does not reach us; tells how often that was."""
    lost: list[int] = []
    dialect = store.write_engine.dialect
    commit = dialect.do_commit

    def commit_and_lose(connection: PoolProxiedConnection) -> None:
        commit(connection)
        if not lost:
            lost.append(1)
            driver = connection.driver_connection
            assert driver is not None
            driver.close()
            driver.execute("SELECT 1")  # raises what the driver says of a connection that is gone

    dialect.do_commit = commit_and_lose  # type: ignore[assignment, method-assign]
    return lambda: len(lost)


def test_a_second_process_on_the_same_database_is_refused_until_the_first_one_ends(store: SqlStore) -> None:
    claim = Claim(store.write_engine)
    with pytest.raises(ConflictError, match="another process runs the responses of database"):
        Claim(store.write_engine)
    claim.renew()
    claim.give_back()
    again = Claim(store.write_engine)
    with pytest.raises(ConflictError, match="another process"):
        claim.renew()
    again.give_back()


def test_a_claim_whose_session_was_ended_is_taken_anew(store: SqlStore, outage: Outage) -> None:
    claim = Claim(store.write_engine)
    outage.begin()
    with pytest.raises(UnreachableError, match="the database cannot be claimed"):
        claim.renew()
    with pytest.raises(UnreachableError, match="the database cannot be claimed"):
        Claim(store.write_engine)
    outage.end()
    claim.renew()

    with pytest.raises(ConflictError, match="another process"):
        Claim(store.write_engine)
    claim.give_back()


def test_a_claim_that_another_process_took_meanwhile_is_theirs(store: SqlStore, outage: Outage) -> None:
    claim = Claim(store.write_engine)
    outage.begin()
    outage.end()
    theirs = Claim(store.write_engine)

    with pytest.raises(ConflictError, match="another process"):
        claim.renew()
    theirs.give_back()
    claim.renew()
    claim.give_back()

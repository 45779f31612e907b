"""What a session on PostgreSQL does when the other side has vanished, and when somebody keeps the turn to write."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from recoverops.model import OverloadedError, UnreachableError
from recoverops.storage import SqlStore, StorageSettings
from recoverops.storage.engines import make_engines
from recoverops.storage.migrate import upgrade
from recoverops.storage.serial import take_serial_lock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database, ManualClock, PostgresServer, Records

    from recoverops.ports import Tx

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

SETTINGS = (
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_keepalives_count",
    "tcp_user_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
)
ALIVE = ("10", "5", "3", "30000")
OPTIONS = {
    "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    "idle": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
    "interval": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    "count": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
    "user_timeout": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
}


def said_by(connection: sa.Connection) -> tuple[str, ...]:
    return tuple(str(connection.exec_driver_sql(f"SHOW {name}").scalar_one()) for name in SETTINGS)


def socket_of(connection: sa.Connection) -> dict[str, int]:
    driver = connection.connection.driver_connection
    assert driver is not None
    with socket.fromfd(driver.fileno(), socket.AF_INET, socket.SOCK_STREAM) as one:
        return {name: one.getsockopt(*where) for name, where in OPTIONS.items()}


def asking(database: Database, *, busy_timeout_s: float = 30.0, **parameters: str) -> Database:
    """The same database by a URL with parameters of its own."""
    url = database.settings.url.get_secret_value()
    query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    settings = StorageSettings(url=SecretStr(f"{url}?{query}" if query else url), busy_timeout_s=busy_timeout_s)
    return replace(database, settings=settings)


@contextmanager
def held(store: SqlStore) -> Iterator[None]:
    """Somebody else holds the turn to write, as a host that vanished in a transaction would."""
    engine = sa.create_engine(store.write_engine.url)
    try:
        with engine.begin() as connection:
            take_serial_lock(connection)
            yield
    finally:
        engine.dispose()


def append(a: Records) -> Callable[[Tx], None]:
    def write(tx: Tx) -> None:
        tx.audit.append(at=a.at, actor="engine", event="x", subject="x", detail={})

    return write


def test_both_sides_notice_within_half_a_minute_that_the_other_one_is_gone(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    database.open(clock).close()
    engines = make_engines(database.settings, data_dir=tmp_path)
    try:
        with engines.write.connect() as writing, engines.read.connect() as reading:
            assert said_by(writing) == (*ALIVE, "30s", "1min")
            assert said_by(reading) == (*ALIVE, "0", "0"), "what only reads keeps nobody waiting"
            ours = {"keepalive": 1, "idle": 10, "interval": 5, "count": 3, "user_timeout": 30_000}
            assert (socket_of(writing), socket_of(reading)) == (ours, ours)
    finally:
        engines.dispose()


def test_what_the_url_says_goes_before(database: Database, clock: ManualClock) -> None:
    options = "-c lock_timeout=7s -c tcp_keepalives_idle=99"
    chosen = asking(database, options=options, keepalives_idle="77", application_name="mine")
    with chosen.open(clock) as store, store.write_engine.connect() as connection:
        assert said_by(connection) == ("99", "5", "3", "30000", "7s", "1min")
        assert socket_of(connection)["idle"] == 77
        assert connection.exec_driver_sql("SHOW application_name").scalar_one() == "mine"


def test_what_the_role_or_the_database_has_goes_before_and_what_the_server_has_does_not(
    database: Database, clock: ManualClock, postgres_server: PostgresServer
) -> None:
    name = sa.make_url(database.settings.url.get_secret_value()).database
    postgres_server.run(f"ALTER DATABASE \"{name}\" SET idle_in_transaction_session_timeout = '5min'")
    with database.open(clock) as store, store.write_engine.connect() as connection:
        assert said_by(connection)[-2:] == ("30s", "5min")


def test_whoever_gets_no_turn_to_write_hears_why_and_the_store_does_not_stand_as_up(
    database: Database, clock: ManualClock, a: Records
) -> None:
    with asking(database, busy_timeout_s=0.3).open(clock) as store:
        store.ping(timeout=timedelta(seconds=10))
        # when a session holds the turn and does not let go
        with held(store):
            with pytest.raises(OverloadedError, match=r"another session holds the database .* pg_stat_activity"):
                store.write(append(a))
            # then that is told, although the intake itself could write
            with pytest.raises(UnreachableError, match="another session holds the database"):
                store.ping(timeout=timedelta(seconds=10))
            assert store.admit([a.alert("f1")], size=10).result(timeout=10).stored == 1
        # and when the session is gone, the next write clears it
        store.write(append(a))
        store.ping(timeout=timedelta(seconds=10))


def test_a_write_that_nobody_tries_again_is_forgotten_after_a_while(
    database: Database, clock: ManualClock, a: Records
) -> None:
    with asking(database, busy_timeout_s=0.3).open(clock) as store:
        with held(store), pytest.raises(OverloadedError):
            store.write(append(a))
        clock.advance(timedelta(seconds=0.6))
        with pytest.raises(UnreachableError):
            store.ping(timeout=timedelta(seconds=10))
        clock.advance(timedelta(seconds=0.1))
        store.ping(timeout=timedelta(seconds=10))


def test_a_transaction_that_did_nothing_for_too_long_is_ended_and_said_to_be(
    database: Database, clock: ManualClock, a: Records
) -> None:
    """As of a host that was suspended, or of one whose pooler keeps its session for it."""
    with asking(database, options="-c idle_in_transaction_session_timeout=200ms").open(clock) as store:

        def dawdle(tx: Tx) -> None:
            append(a)(tx)
            threading.Event().wait(0.6)
            append(a)(tx)

        with pytest.raises(
            OverloadedError, match=r"did nothing with its transaction for too long, and .* was suspended"
        ):
            store.write(dawdle)
        store.write(append(a))
        assert store.read(lambda tx: tx.audit.verify()).entries == 1


def test_an_upgrade_of_the_schema_waits_for_another_one_however_long_it_takes(
    database: Database, clock: ManualClock, postgres_url: str, tmp_path: Path
) -> None:
    fresh = StorageSettings(url=SecretStr(postgres_url), busy_timeout_s=0.2)
    engines = make_engines(fresh, data_dir=tmp_path)
    other = sa.create_engine(engines.write.url)
    try:
        with other.begin() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7251023341)")
            upgrading = threading.Thread(target=upgrade, args=(engines,), kwargs={"data_dir": tmp_path})
            upgrading.start()
            upgrading.join(1.0)
            assert upgrading.is_alive()
        upgrading.join(30)
        with engines.read.connect() as reading:
            assert sa.inspect(reading).has_table("turn")
    finally:
        other.dispose()
        engines.dispose()

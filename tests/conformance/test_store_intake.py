"""Group commit: nothing is acknowledged before it is durable, and what cannot be written is said to its sender."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import traceback
from concurrent.futures import wait
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from recoverops.model import IncidentId, NotFoundError, OverloadedError, PermanentError, UnreachableError
from recoverops.storage import StorageSettings, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Database, ManualClock, PostgresServer, Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore

SOON = timedelta(seconds=10)


def stored(store: SqlStore) -> list[str]:
    return [item.alert.fingerprint for item in store.read(lambda tx: tx.signals.pending(limit=100_000))]


class Busy:
    """Holds the one writer in another thread until it is let go."""

    def __init__(self, store: SqlStore) -> None:
        self._inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=store.write, args=(self._hold,))

    def _hold(self, tx: Tx) -> None:
        self._inside.set()
        assert self._leave.wait(timeout=30)

    def __enter__(self) -> Busy:
        self._thread.start()
        assert self._inside.wait(timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._thread.join(timeout=30)


def test_a_value_that_no_column_holds_fails_its_own_delivery_only(store: SqlStore, a: Records) -> None:
    with Busy(store):
        first = store.admit([a.alert("first")], size=10)
        bad = store.admit([a.alert("x\0y", annotations={"text": "a-password"})], size=10)
        last = store.admit([a.alert("last")], size=10)
    assert (first.result(timeout=10).stored, last.result(timeout=10).stored) == (1, 1)
    error = bad.exception(timeout=10)
    if error is None:  # SQLite holds it
        assert stored(store) == ["first", "x\0y", "last"]
        return
    assert isinstance(error, PermanentError)
    assert "send it without" in str(error)
    assert stored(store) == ["first", "last"]
    assert "a-password" not in "".join(traceback.format_exception(error))


def test_an_id_that_no_column_holds_is_said_to_be_wrong(store: SqlStore) -> None:
    with pytest.raises((NotFoundError, PermanentError)):
        store.read(lambda tx: tx.incidents.get(IncidentId("a\0bc")))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_future_is_done_before_its_commit_and_then_all_of_the_group_are(store: SqlStore, a: Records) -> None:
    with Busy(store):
        waiting = [store.admit([a.alert(f"f{number}")], size=10) for number in range(1000)]
        done, _ = wait(waiting, timeout=0.2)
        assert not done
        assert stored(store) == []

    assert all(future.result(timeout=10).stored == 1 for future in waiting)
    assert stored(store) == [f"f{number}" for number in range(1000)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_thousand_waiting_deliveries_take_few_transactions(store: SqlStore, a: Records) -> None:
    commits: list[object] = []
    sa.event.listen(store.write_engine, "commit", commits.append)
    with Busy(store):
        waiting = [store.admit([a.alert(f"f{number}")], size=10) for number in range(1000)]
    wait(waiting, timeout=10)
    # the holder's own, one for whatever was taken before it held, and two of five hundred
    assert len(commits) <= 4


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_duplicates_within_one_group_are_counted_for_the_later_delivery(store: SqlStore, a: Records) -> None:
    with Busy(store):
        store.admit([a.alert("first")], size=10)
        pair = [store.admit([a.alert("f1"), a.alert("f2")], size=10) for _ in range(2)]
    answers = [future.result(timeout=10) for future in pair]
    assert [(answer.stored, answer.duplicates) for answer in answers] == [(2, 0), (0, 2)]


@pytest.fixture
def small(tmp_path: Path, clock: ManualClock) -> Iterator[SqlStore]:
    """A store whose queue takes 64 KiB and whose writer gives up after 0.2 s."""
    settings = StorageSettings(intake_queue_bytes=64 * 1024, busy_timeout_s=0.2)
    with open_store(settings, data_dir=tmp_path / "data", clock=clock) as opened:
        yield opened


def test_a_full_queue_refuses_at_once_and_takes_again_when_it_is_written(
    tmp_path: Path, clock: ManualClock, a: Records, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    settings = StorageSettings(intake_queue_bytes=64 * 1024, group_commit=1)
    with open_store(settings, data_dir=tmp_path / "data", clock=clock) as store:
        with Busy(store):
            taken = [store.admit([a.alert(f"f{number}")], size=32 * 1024) for number in range(2)]
            eventually(lambda: store.queued_intake_bytes == 32 * 1024)  # the first one is with the writer
            taken.append(store.admit([a.alert("f2")], size=32 * 1024))
            with pytest.raises(OverloadedError, match="queue is full"):
                store.admit([a.alert("refused")], size=1)
        assert [future.result(timeout=10).stored for future in taken] == [1, 1, 1]
        assert store.queued_intake_bytes == 0
        assert store.admit([a.alert("again")], size=32 * 1024).result(timeout=10).stored == 1


def test_a_full_disk_is_overload_and_the_intake_lives_on(small: SqlStore, a: Records) -> None:
    def limit_pages(to: int) -> None:
        with small.write_engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={to}")

    limit_pages(1)  # SQLite takes the present size, so the file cannot grow
    big = [a.alert(f"f{number}", annotations={"text": "x" * 4000}) for number in range(100)]
    with pytest.raises(OverloadedError, match="the disk is full"):
        small.admit(big, size=10).result(timeout=10)
    assert stored(small) == []

    limit_pages(1_000_000)
    assert small.admit(big, size=10).result(timeout=10).stored == 100


def test_a_database_locked_by_another_process_is_overload_and_the_intake_lives_on(
    small: SqlStore, tmp_path: Path, a: Records
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "recoverops.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OverloadedError, match="holds the database"):
            small.admit([a.alert()], size=10).result(timeout=10)
        with pytest.raises(OverloadedError, match="holds the database"):
            small.write(lambda tx: tx.audit.head())
        with pytest.raises(UnreachableError, match="cannot be written to now"):
            small.ping(timeout=SOON)
        assert stored(small) == []  # reading goes on
        other.rollback()

    assert small.admit([a.alert()], size=10).result(timeout=10).stored == 1
    small.ping(timeout=SOON)


def test_a_ping_does_not_wait_longer_than_it_may(tmp_path: Path, clock: ManualClock) -> None:
    with (
        open_store(StorageSettings(), data_dir=tmp_path / "data", clock=clock) as store,
        Busy(store),
        pytest.raises(UnreachableError, match=r"within 0\.05 s"),
    ):
        store.ping(timeout=timedelta(milliseconds=50))


def test_a_postgresql_that_went_away_is_overload_for_senders_and_comes_back(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path, clock: ManualClock, a: Records
) -> None:
    name = postgres_url.rpartition("/")[2]
    with open_store(StorageSettings.model_validate({"url": postgres_url}), data_dir=tmp_path, clock=clock) as store:
        assert store.admit([a.alert("before")], size=10).result(timeout=10).stored == 1
        postgres_server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres_server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

        with pytest.raises(OverloadedError, match="does not answer"):
            store.admit([a.alert("during")], size=10).result(timeout=30)
        with pytest.raises(UnreachableError):
            store.write(lambda tx: tx.audit.head())
        with pytest.raises(UnreachableError):
            store.ping(timeout=timedelta(seconds=30))

        postgres_server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert store.admit([a.alert("after")], size=10).result(timeout=30).stored == 1
        assert stored(store) == ["before", "after"]


def test_an_unreachable_postgresql_is_named_when_the_store_opens(
    postgres_server: PostgresServer, tmp_path: Path, clock: ManualClock
) -> None:
    nowhere = StorageSettings.model_validate({"url": postgres_server.url("not_there")})
    with pytest.raises(UnreachableError, match="cannot be opened"):
        open_store(nowhere, data_dir=tmp_path / "data", clock=clock)


def test_a_cancelled_delivery_is_not_stored(tmp_path: Path, clock: ManualClock, a: Records) -> None:
    with open_store(StorageSettings(group_commit=1), data_dir=tmp_path / "data", clock=clock) as store:
        with Busy(store):
            store.admit([a.alert("with the writer")], size=1)
            store.admit([a.alert("first")], size=1)
            cancelled = store.admit([a.alert("cancelled")], size=1)
            assert cancelled.cancel()
            last = store.admit([a.alert("last")], size=1)
        last.result(timeout=10)
        assert stored(store) == ["with the writer", "first", "last"]


def test_closing_writes_what_is_queued_and_takes_nothing_more(
    database: Database, clock: ManualClock, a: Records
) -> None:
    store = database.open(clock)
    waiting = [store.admit([a.alert(f"f{number}")], size=10) for number in range(300)]
    store.close()
    assert all(future.result(timeout=0).stored == 1 for future in waiting)
    with pytest.raises(OverloadedError, match="closing"):
        store.admit([a.alert()], size=10)
    with database.open(clock) as again:
        assert len(stored(again)) == 300


CHILD = """
import itertools, sys, threading
from datetime import UTC, datetime
from pathlib import Path
from recoverops.clock import SystemClock
from recoverops.model import Alert, AlertStatus
from recoverops.storage import StorageSettings, open_store

settings = StorageSettings.model_validate({"url": sys.argv[1]})
store = open_store(settings, data_dir=Path(sys.argv[2]), clock=SystemClock())
numbers = itertools.count()

def send():
    while True:
        number = next(numbers)
        alert = Alert(source="child", fingerprint=str(number), status=AlertStatus.FIRING,
                      starts_at=datetime(2026, 3, 1, tzinfo=UTC))
        store.admit([alert], size=100).result()
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()

for _ in range(16):
    threading.Thread(target=send, daemon=True).start()
threading.Event().wait(60)
"""


def test_every_acknowledged_alert_survives_a_killed_process(database: Database, clock: ManualClock) -> None:
    url = database.settings.url.get_secret_value()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(database.data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    first = [child.stdout.readline() for _ in range(400)]
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read().splitlines(keepends=True)
    child.wait(timeout=30)

    acknowledged = {line.strip() for line in first + rest if line.endswith("\n")}
    assert len(acknowledged) >= 400
    with database.open(clock) as store:
        assert acknowledged <= set(stored(store))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_loser_of_a_deadlock_is_run_again(
    database: Database, store: SqlStore, a: Records, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    store.write(lambda tx: tx.incidents.insert(a.incident("inc-1")))
    store.write(lambda tx: tx.incidents.insert(a.incident("inc-2")))
    lock = "UPDATE incident SET response = 'parked' WHERE id = %s"
    runs = 0
    other = psycopg.connect(database.settings.url.get_secret_value())

    def take_the_first_too() -> None:
        other.execute(lock, ("inc-1",))
        other.rollback()

    second = threading.Thread(target=take_the_first_too)
    # the other one is never the victim: only we look for deadlocks soon
    other.execute("SET deadlock_timeout = '60s'")
    other.execute(lock, ("inc-2",))

    def cross(tx: Tx) -> None:
        nonlocal runs
        runs += 1
        tx.incidents.save(tx.incidents.get(a.incident("inc-1").id))
        if runs == 1:
            second.start()
            eventually(lambda: _waits_for_a_lock(database))
            tx.incidents.save(tx.incidents.get(a.incident("inc-2").id))

    store.write(cross)
    second.join(timeout=30)
    other.close()
    assert runs == 2


def _waits_for_a_lock(database: Database) -> bool:
    with psycopg.connect(database.settings.url.get_secret_value()) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        row = connection.execute(query).fetchone()
        return row is not None and row[0] > 0

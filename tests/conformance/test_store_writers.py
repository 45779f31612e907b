"""Many writers on one store: each in its turn, none inside another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import pytest

from recoverops.model import PermanentError

if TYPE_CHECKING:
    from tests.conftest import Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore


def test_inside_a_transaction_reading_works_and_a_second_write_is_refused(store: SqlStore, a: Records) -> None:
    def look(tx: Tx) -> int:
        tx.incidents.insert(a.incident())
        with pytest.raises(PermanentError, match="inside another one"):
            store.write(lambda other: other.incidents.listed())
        return len(store.read(lambda other: other.incidents.listed()))

    assert store.write(look) == 0
    store.write(lambda tx: tx.incidents.insert(a.incident("inc-2")))
    assert len(store.read(lambda tx: tx.incidents.listed())) == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_second_connection_to_write_is_refused_to_the_thread_that_writes(store: SqlStore, a: Records) -> None:
    def connect(tx: Tx) -> None:
        with pytest.raises(PermanentError, match="inside another one"):
            store.write_engine.connect()

    store.write(connect)
    store.write(lambda tx: tx.incidents.insert(a.incident()))
    assert len(store.read(lambda tx: tx.incidents.listed())) == 1


def test_writers_and_intake_share_the_store_without_a_locked_database(store: SqlStore, a: Records) -> None:
    each = 25
    start = threading.Barrier(9)

    def append(tx: Tx) -> None:
        tx.audit.append(at=a.at, actor="engine", event="x", subject="x", detail={})

    def work() -> None:
        start.wait(timeout=30)
        for _ in range(each):
            store.write(append)

    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(work) for _ in range(8)]
        start.wait(timeout=30)
        admitted = [store.admit([a.alert(f"f{number}")], size=10) for number in range(200)]
        assert not wait(writers, timeout=60).not_done
        assert not wait(admitted, timeout=60).not_done

    assert [future.exception() for future in writers] == [None] * 8
    assert sum(future.result().stored for future in admitted) == 200
    report = store.read(lambda tx: tx.audit.verify())
    assert (report.entries, report.broken_at) == (8 * each, None)

"""Many writers on one store: each in its turn, none inside another."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest

from recoverops.model import Incident, IncidentId, PermanentError

if TYPE_CHECKING:
    from tests.conftest import Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore

replace = msgspec.structs.replace


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


def test_a_batch_of_many_rows_and_writers_of_single_ones_never_wait_crosswise_or_conflict(
    store: SqlStore, a: Records
) -> None:
    """As a storm's batch beside decisions: what was read in a transaction is still so when it is saved."""
    names = [IncidentId(f"inc-{number:02d}") for number in range(40)]
    for name in names:
        store.write(partial(_insert, a.incident(name)))
    tries: Counter[str] = Counter()
    over = threading.Event()

    def batch(tx: Tx) -> None:
        tries["batch"] += 1
        found = [tx.incidents.get(name) for name in names]
        tx.incidents.save_all([replace(one, title="batch") for one in found])
        tx.audit.append(at=a.at, actor="engine", event="x", subject="batch", detail={})

    def single(name: IncidentId, tx: Tx) -> None:
        tries["single"] += 1
        found = tx.incidents.get(name)
        tx.audit.append(at=a.at, actor="engine", event="x", subject=name, detail={})
        tx.incidents.save(replace(found, title="single"))

    def decide(first: int) -> int:
        done = 0
        while not over.is_set():
            store.write(partial(single, names[-1 - (first + done) % len(names)]))
            done += 1
        return done

    with ThreadPoolExecutor(6) as pool:
        deciders = [pool.submit(decide, first) for first in range(0, 36, 6)]
        try:
            for _ in range(20):
                store.write(batch)
        finally:
            over.set()
        singles = sum(one.result(timeout=60) for one in deciders)

    assert tries == {"batch": 20, "single": singles}, "nothing was chosen to be written again"
    assert store.read(lambda tx: tx.audit.verify()).broken_at is None


def _insert(incident: Incident, tx: Tx) -> None:
    tx.incidents.insert(incident)

"""The store's write engine under the durable-workflow library's own datasource, as `workflows` uses it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from dbos import DBOS, SetWorkflowID, SQLAlchemyDatasource
from dbos._datasource import DatasourceOptions

from recoverops.model import ConflictError, IncidentId, PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore


@pytest.fixture
def datasource(store: SqlStore, tmp_path: Path) -> Iterator[SQLAlchemyDatasource]:
    DBOS(config={"name": "store-test", "system_database_url": f"sqlite:///{tmp_path / 'dbos.sqlite'}"})
    url = store.write_engine.url.render_as_string(hide_password=False)
    yield SQLAlchemyDatasource.create(url, engine=store.write_engine)
    DBOS.destroy(destroy_registry=True)


@pytest.fixture
def options(store: SqlStore) -> DatasourceOptions:
    """SQLite knows no READ COMMITTED, and needs none: it has one writer."""
    is_sqlite = store.write_engine.dialect.name == "sqlite"
    return {"name": "tx", "isolation_level": "SERIALIZABLE" if is_sqlite else "READ COMMITTED"}


def test_our_rows_and_the_checkpoint_of_a_workflow_commit_together_and_once(
    store: SqlStore, datasource: SQLAlchemyDatasource, options: DatasourceOptions, a: Records
) -> None:
    calls = 0

    def open_incident() -> str:
        nonlocal calls
        calls += 1
        tx = store.tx_of(datasource.sql_session().connection())
        tx.incidents.insert(a.incident())
        tx.audit.append(at=a.at, actor="engine", event="opened", subject="inc-1", detail={})
        return "inc-1"

    @DBOS.workflow(name="respond")
    def respond() -> str:
        return datasource.run_tx_step(options, open_incident)

    DBOS.launch()
    for _ in range(2):
        with SetWorkflowID("respond:inc-1:1:1"):
            assert respond() == "inc-1"

    assert calls == 1
    assert store.read(lambda tx: tx.incidents.get(IncidentId("inc-1"))) == a.incident()
    assert store.read(lambda tx: tx.audit.verify()).entries == 1


def test_a_failed_transaction_of_a_workflow_leaves_only_its_error(
    store: SqlStore, datasource: SQLAlchemyDatasource, options: DatasourceOptions, a: Records
) -> None:
    def insert_twice() -> None:
        tx = store.tx_of(datasource.sql_session().connection())
        tx.incidents.insert(a.incident())
        tx.incidents.insert(a.incident())

    @DBOS.workflow(name="respond")
    def respond() -> None:
        datasource.run_tx_step(options, insert_twice)

    DBOS.launch()
    with pytest.raises(ConflictError, match="inc-1 is stored already"):
        respond()
    assert store.read(lambda tx: tx.incidents.listed()) == ()


def test_inside_a_workflow_transaction_reading_works_and_a_second_write_is_refused(
    store: SqlStore, datasource: SQLAlchemyDatasource, options: DatasourceOptions, a: Records
) -> None:
    def look() -> int:
        tx = store.tx_of(datasource.sql_session().connection())
        tx.incidents.insert(a.incident())
        with store.write_engine.connect() as nested:
            seen = nested.execute(sa.text("SELECT count(*) FROM incident")).scalar_one()
        if store.write_engine.dialect.name == "sqlite":
            with pytest.raises(PermanentError, match="inside another one"):
                store.write(lambda other: other.incidents.listed())
            with store.write_engine.connect() as nested, pytest.raises(sa.exc.OperationalError, match="readonly"):
                nested.execute(sa.text("DELETE FROM turn"))
        return int(seen) + len(store.read(lambda other: other.incidents.listed()))

    assert datasource.run_tx_step(options, look) == 0
    # the connection that was made read-only for a moment is not given out as the writer
    store.write(lambda tx: tx.incidents.insert(a.incident("inc-2")))
    assert len(store.read(lambda tx: tx.incidents.listed())) == 2


def test_workflows_writers_and_intake_share_the_store_without_a_locked_database(
    store: SqlStore, datasource: SQLAlchemyDatasource, options: DatasourceOptions, a: Records
) -> None:
    each = 25
    start = threading.Barrier(9)

    def append(tx: Tx) -> None:
        tx.audit.append(at=a.at, actor="engine", event="x", subject="x", detail={})

    def by_workflow() -> None:
        start.wait(timeout=30)
        for _ in range(each):
            datasource.run_tx_step(options, lambda: append(store.tx_of(datasource.sql_session().connection())))

    def by_store() -> None:
        start.wait(timeout=30)
        for _ in range(each):
            store.write(append)

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(by_workflow if number % 2 else by_store) for number in range(8)]
        start.wait(timeout=30)
        admitted = [store.admit([a.alert(f"f{number}")], size=10) for number in range(200)]
        assert not wait(work, timeout=60).not_done
        assert not wait(admitted, timeout=60).not_done

    assert [future.exception() for future in work] == [None] * 8
    assert sum(future.result().stored for future in admitted) == 200
    report = store.read(lambda tx: tx.audit.verify())
    assert (report.entries, report.broken_at) == (8 * each, None)


def test_the_default_isolation_of_the_library_is_correct_too(
    store: SqlStore, datasource: SQLAlchemyDatasource, a: Records
) -> None:
    start = threading.Barrier(4)

    def reserve(run: str) -> bool:
        tx = store.tx_of(datasource.sql_session().connection())
        if tx.limits.usage(a.service(run), now=a.at).in_last_hour >= 2:
            return False
        tx.limits.reserve(run_id=a.run(run).id, target=a.service(run), touches=(), at=a.at)
        return True

    def worker(run: str) -> bool:
        start.wait(timeout=30)
        return datasource.run_tx_step({"name": "reserve", "isolation_level": "SERIALIZABLE"}, reserve, run)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(worker, ["r1", "r2", "r3", "r4"], timeout=60))
    assert sorted(answers) == [False, False, True, True]
    used = store.write(lambda tx: tx.limits.usage(a.service(), now=a.at + timedelta(minutes=1)))
    assert used.in_last_hour == 2

"""What is remembered of segments that ended long ago goes; a pending one and its checkpoints never do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa

from recoverops.clock import SystemClock
from recoverops.model import IncidentId, SegmentKey
from recoverops.ports import Tx, WorkflowContext
from recoverops.workflows import DbosEngine


def key(number: int) -> SegmentKey:
    return SegmentKey(incident_id=IncidentId(f"inc-{number}"), episode=1, segment=1)


class House:
    """An engine on two databases, with a gate at which segment 99 waits after its first transaction."""

    def __init__(self, dbos_url: str, store_url: str) -> None:
        self.gate = threading.Event()
        self.is_inside = threading.Event()
        self.failed: list[str] = []
        self.dbos, self.store = sa.create_engine(dbos_url), sa.create_engine(store_url)
        with self.store.begin() as connection:
            connection.execute(sa.text("CREATE TABLE note (text TEXT NOT NULL)"))
        self.engine = DbosEngine(
            respond=self.respond,
            dbos_url=dbos_url,
            store_url=store_url,
            store_engine=self.store,
            tx_of=lambda connection: cast(Tx, connection),
            clock=SystemClock(),
            application_version="one",
            on_failure=lambda failed, message: self.failed.append(message),
        )
        self.engine.launch()

    def respond(self, ctx: WorkflowContext, segment: SegmentKey) -> None:
        ctx.tx("note", self.note, returns=None)
        if segment == key(7):
            raise ValueError("broken")
        if segment == key(99):
            self.is_inside.set()
            assert self.gate.wait(30)

    def note(self, tx: Tx) -> None:
        cast(sa.Connection, tx).execute(sa.text("INSERT INTO note VALUES ('x')"))

    def finish(self, *numbers: int) -> None:
        for number in numbers:
            self.engine.start(key(number))
        pause = threading.Event()
        for _ in range(2000):
            if not any(self.engine.is_running(key(number)) for number in numbers):
                break
            pause.wait(0.005)
        pause.wait(0.3)  # DBOS writes the end of a segment after its function has returned

    def remembered(self) -> tuple[set[str], set[str]]:
        """Ids that DBOS knows, and ids of checkpoints in our database."""
        schema = "dbos." if self.dbos.dialect.name == "postgresql" else ""
        with self.dbos.connect() as system, self.store.connect() as ours:
            return (
                set(system.execute(sa.text(f"SELECT workflow_uuid FROM {schema}workflow_status")).scalars()),
                set(ours.execute(sa.text(f"SELECT workflow_id FROM {schema}datasource_outputs")).scalars()),
            )

    def close(self) -> None:
        self.gate.set()
        self.engine.stop(timeout=timedelta(seconds=5))
        self.dbos.dispose()
        self.store.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    if request.param == "sqlite":
        made = House(f"sqlite:///{tmp_path}/dbos.sqlite", f"sqlite:///{tmp_path}/store.sqlite")
    else:
        url = request.getfixturevalue("postgres_url").replace("postgresql://", "postgresql+psycopg://")
        made = House(url, url)
    yield made
    made.close()


def now() -> datetime:
    return SystemClock().now()


def test_what_ended_before_goes_and_what_is_pending_stays_with_its_checkpoints(house: House) -> None:
    house.finish(1, 2, 7)
    house.engine.start(key(99))
    assert house.is_inside.wait(10)
    pending = {key(99).workflow_id}
    everything = {key(number).workflow_id for number in (1, 2, 7)} | pending
    assert house.remembered() == (everything, pending)

    assert house.engine.forget(now() - timedelta(hours=1)) == 0, "nothing ended so long ago"
    assert house.remembered() == (everything, pending)

    assert house.engine.forget(now() + timedelta(seconds=1), limit=2) == 2
    assert house.engine.forget(now() + timedelta(seconds=1)) == 1
    assert house.engine.forget(now() + timedelta(seconds=1)) == 0
    assert house.remembered() == (pending, pending)
    assert house.failed == ["ValueError: broken"]

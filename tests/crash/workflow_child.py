"""A process that runs segments on DBOS and is killed for real. Started by test_workflow_crash.py, twice per test.

    workflow_child.py FOLDER SCENARIO

The first life dies by SIGKILL (its own or its parent's); the second resumes what the first left and exits with 0 when
nothing is left. What really happened stands in FOLDER/ledger, which is only ever appended to.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from recoverops.clock import SystemClock
from recoverops.model import IncidentId, SegmentKey
from recoverops.ports import Respond, Tx, WorkflowContext
from recoverops.workflows import DbosEngine

SEGMENTS = 20


class Life:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = sa.create_engine(f"sqlite:///{folder}/store.sqlite")
        self.is_first = not (folder / "lived").exists()
        (folder / "lived").touch()
        if self.is_first:
            with self.store.begin() as connection:
                connection.execute(sa.text("CREATE TABLE note (text TEXT NOT NULL)"))

    def tell(self, line: str) -> None:
        with (self.folder / "ledger").open("a") as ledger:
            ledger.write(f"{line}\n")
            ledger.flush()
            os.fsync(ledger.fileno())

    def die_if_first(self) -> None:
        if self.is_first:
            os.kill(os.getpid(), signal.SIGKILL)

    def insert(self, tx: Tx, text: str) -> None:
        cast(sa.Connection, tx).execute(sa.text("INSERT INTO note VALUES (:text)"), {"text": text})


def killed_inside_second_step(life: Life) -> Respond:
    def second() -> str:
        life.tell("second begins")
        life.die_if_first()
        life.tell("second ends")
        return "done"

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        life.tell(f"at {ctx.now('started').isoformat()}")
        ctx.step("first", lambda: life.tell("first"), returns=None)
        life.tell(ctx.step("second", second, returns=str))

    return respond


def killed_before_the_commit(life: Life) -> Respond:
    def write(tx: Tx) -> None:
        life.insert(tx, "row")
        life.tell("wrote")
        life.die_if_first()

    return lambda ctx, key: ctx.tx("write", write, returns=None)


def killed_between_commit_and_the_memory_of_the_step(life: Life) -> Respond:
    committed = threading.Event()

    def write(tx: Tx) -> str:
        life.insert(tx, "row")
        life.tell("wrote")
        committed.set()
        return "answer"

    # The connection goes back to its pool after the commit, and before DBOS notes in its own file that the step ran.
    def checked_in(*_: object) -> None:
        if committed.is_set():
            life.die_if_first()

    sa.event.listen(life.store, "checkin", checked_in)

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        life.tell(ctx.tx("write", write, returns=str))

    return respond


def killed_with_twenty_pending(life: Life) -> Respond:
    gate = threading.Event()
    if not life.is_first:
        gate.set()

    def respond(ctx: WorkflowContext, key: SegmentKey) -> None:
        ctx.step("first", lambda: life.tell(f"first {key.incident_id}"), returns=None)
        ctx.step("gate", lambda: gate.wait(60) and None, returns=None)
        ctx.tx("last", lambda tx: life.insert(tx, str(key.incident_id)), returns=None)

    return respond


SCENARIOS: dict[str, Callable[[Life], Respond]] = {
    scenario.__name__: scenario
    for scenario in (
        killed_inside_second_step,
        killed_before_the_commit,
        killed_between_commit_and_the_memory_of_the_step,
        killed_with_twenty_pending,
    )
}


def main(folder: Path, scenario: str) -> int:
    life = Life(folder)
    number = SEGMENTS if scenario == killed_with_twenty_pending.__name__ else 1
    keys = [SegmentKey(incident_id=IncidentId(f"inc-{n}"), episode=1, segment=1) for n in range(number)]
    engine = DbosEngine(
        respond=SCENARIOS[scenario](life),
        dbos_url=f"sqlite:///{folder}/dbos.sqlite",
        store_url=str(life.store.url),
        store_engine=life.store,
        tx_of=lambda connection: cast(Tx, connection),
        clock=SystemClock(),
        application_version="first release" if life.is_first else "second release",
        on_failure=lambda key, message: life.tell(f"failed {message}"),
    )
    engine.launch()
    # The second life starts nothing: what is to be done, DBOS has to know.
    if life.is_first:
        for key in keys:
            engine.start(key)
    pause = threading.Event()
    for _ in range(3000):
        if not any(engine.is_running(key) for key in keys):
            break
        pause.wait(0.01)
    engine.stop(timeout=timedelta(seconds=5))
    return 0 if not any(engine.is_running(key) for key in keys) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))

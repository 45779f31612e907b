"""A process that responds to twenty incidents at once and is killed in the middle. Started by test_workflow_crash.py.

    workflow_child.py FOLDER MOMENT

The store is a file in FOLDER, or on PostgreSQL when STORE_URL is set.
The first life dies by SIGKILL at its tenth MOMENT (`before` or `after` an effect), with the other responses wherever
they are by then. The next one goes on with what it left and exits with 0 when every incident is over. Store, pipeline,
sweep and engine are the real ones; what happened to a service stands in FOLDER/<service>, which is only appended to.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from recoverops.api.telemetry import Metrics
from recoverops.app.structs import prepare_structs
from recoverops.clock import SystemClock
from recoverops.decision import DecisionSettings, Rule, RuleBook
from recoverops.detection import DetectionSettings
from recoverops.incidents import IncidentSettings
from recoverops.model import Incident, IncidentState, Mode, Sample, SegmentKey, Service
from recoverops.notifications import NotificationSettings
from recoverops.pipeline import Conditions, Observer, Parts, Playbook, Sweep, Wall, on_failure, respond
from recoverops.ports import WorkflowContext
from recoverops.remediation import Runbook, VerifySettings
from recoverops.sources import IntakeSettings
from recoverops.storage import SqlStore, StopFile, StorageSettings, open_store
from recoverops.testing import LedgerAction, ledger_lines
from recoverops.topology import Inventory
from recoverops.workflows import ThreadEngine

SERVICES = tuple(f"service-{number:02d}" for number in range(20))
LIFE_S = 60.0
DEADLY = 10
MOST_EFFECTS = 15
RULE = Rule(name="write", when='kind == "service_down"', runbook="write-ledger", mode=Mode.ACT)
RUNBOOK = Runbook(
    name="write-ledger",
    action="write-ledger",
    verify=VerifySettings(hold=timedelta(seconds=0.3), timeout=timedelta(seconds=20)),
)
UNLIMITED = DecisionSettings(
    mode=Mode.ACT, ask_when_critical=False, max_actions_per_hour=1000, max_actions_per_day=1000
)


class Life:
    def __init__(self, folder: Path, moment: str) -> None:
        self.folder = folder
        self.is_first = not (folder / "lived").exists()
        (folder / "lived").touch()
        self._calls = itertools.count(1)
        self._begun = itertools.count(1)
        self.clock = SystemClock()
        self.services = [Service(name=name, group=name, address={"ledger": str(folder / name)}) for name in SERVICES]
        settings = StorageSettings(url=SecretStr(os.environ.get("STORE_URL", "")))
        self.store = open_store(settings, data_dir=folder / "data", clock=self.clock, is_engine=True)
        die = self._die_at_the_tenth
        if moment == "before":
            action = LedgerAction(before_effect=die)
        else:
            action = LedgerAction(before_effect=self._let_fifteen_pass, after_effect=die)
        self.parts = parts = self._parts(action)

        def run(ctx: WorkflowContext, key: SegmentKey) -> None:
            respond(parts, ctx, key)

        self.engine = ThreadEngine(
            respond=run, store=self.store, on_failure=lambda key, message: on_failure(parts, key, message)
        )
        self.observer = Observer(parts, self.engine.start)
        self.sweep = Sweep(parts, self.engine)

    def _let_fifteen_pass(self) -> None:
        """In the first life: however late the tenth is, something is left to do then."""
        if self.is_first and next(self._begun) > MOST_EFFECTS:
            threading.Event().wait()

    def _die_at_the_tenth(self) -> None:
        if self.is_first and next(self._calls) == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)

    def _parts(self, action: LedgerAction) -> Parts:
        return Parts(
            store=self.store,
            clock=self.clock,
            wall=Wall(self.clock),
            stop=StopFile(self.folder / "data" / "EMERGENCY_STOP", clock=self.clock),
            conditions=Conditions(),
            inventory=Inventory(self.services),
            actions={"write-ledger": action},
            playbook=Playbook(RuleBook([RULE]), {RUNBOOK.name: RUNBOOK}),
            telemetry=Metrics(),
            decision=UNLIMITED,
            detection=DetectionSettings(),
            incidents=IncidentSettings(),
            intake=IntakeSettings(),
            notifications=NotificationSettings(),
            nudge=lambda at: None,
        )

    def live(self) -> bool:
        """Until every service has had its incident and all are over; False when that takes too long."""
        self.sweep.resume()
        end = time.monotonic() + LIFE_S
        while time.monotonic() < end:
            self.observer.take_samples([self._sample(service) for service in self.services])
            self.sweep.tick()
            if len(found := incidents(self.store)) >= len(SERVICES) and all(one.is_over for one in found):
                return True
            threading.Event().wait(0.1)
        return False

    def _sample(self, service: Service) -> Sample:
        """A service is up from its first effect on."""
        up = bool(ledger_lines(Path(service.address["ledger"])))
        return Sample(
            resource=service.resource, metric="service.running", value=up, at=self.clock.now(), source="world"
        )


def incidents(store: SqlStore) -> tuple[Incident, ...]:
    return store.read(lambda tx: tx.incidents.listed(states=list(IncidentState), limit=100))


def main(folder: Path, moment: str) -> int:
    prepare_structs()
    life = Life(folder, moment)
    with life.store:
        is_over = life.live()
        life.engine.stop(timeout=timedelta(seconds=5))
    return 0 if is_over else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))

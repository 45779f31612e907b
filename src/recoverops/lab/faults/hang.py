"""The service stands still: it lives, its port takes connections, and nothing is ever answered."""

from __future__ import annotations

import signal

from recoverops.lab.faults.crash import send
from recoverops.lab.faults.fault import Needs
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind


class Hang:
    name = "hang"
    summary = "SIGSTOP to its process"
    service = "orders"
    cause_expected = IncidentKind.SERVICE_HUNG
    allowed = frozenset({"end-process", "restart-service"})
    needs = Needs.NOTHING

    def inject(self, scene: Scene, target: Target) -> None:
        send(target, signal.SIGSTOP)

    def restore(self, scene: Scene, target: Target) -> None:
        scene.replace(target)

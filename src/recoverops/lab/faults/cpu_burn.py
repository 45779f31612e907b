"""Threads of the service turn round for nothing. They fill what cores they get, and every request waits for them."""

from __future__ import annotations

from recoverops.lab.faults.fault import Needs
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind

THREADS = 48
"""Each request, for each step that it takes, waits for the turns of those that hold the interpreter's lock."""


class CpuBurn:
    name = "cpu-burn"
    summary = f"{THREADS} of its threads turn round for nothing"
    service = "catalogue"
    cause_expected = IncidentKind.HIGH_CPU
    allowed = frozenset({"restart-service"})
    needs = Needs.NOTHING

    def inject(self, scene: Scene, target: Target) -> None:
        scene.turn(self.service, busy=THREADS)

    def restore(self, scene: Scene, target: Target) -> None:
        scene.replace(target)

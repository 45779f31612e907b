"""The service that orders depend on answers, but later than anybody waits."""

from __future__ import annotations

from recoverops.lab.faults.fault import Needs
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind

DELAY_S = 2.0


class SlowDependency:
    name = "slow-dependency"
    summary = f"each of its answers takes {DELAY_S:g} s"
    service = "payments"
    cause_expected = IncidentKind.SLOW_RESPONSES
    allowed = frozenset({"restart-service"})
    needs = Needs.NOTHING

    def inject(self, scene: Scene, target: Target) -> None:
        scene.turn(self.service, delay_s=DELAY_S)

    def restore(self, scene: Scene, target: Target) -> None:
        scene.replace(target)

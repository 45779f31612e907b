"""A release goes live that renamed a setting which the code still reads: every order ends in a 500."""

from __future__ import annotations

from recoverops.lab.faults.fault import Needs
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind


class BadDeployment:
    name = "bad-deployment"
    summary = "a release is deployed that lacks a setting"
    service = "orders"
    cause_expected = IncidentKind.BAD_DEPLOYMENT
    allowed = frozenset({"switch-release"})
    needs = Needs.NOTHING

    def inject(self, scene: Scene, target: Target) -> None:
        scene.deploy(self.service, {"release.json": {"version": "1.1.0", "tax_rate": 0.19}})

    def restore(self, scene: Scene, target: Target) -> None:
        scene.withdraw(self.service)

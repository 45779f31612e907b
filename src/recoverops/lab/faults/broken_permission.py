"""A release goes live with a price list that nobody may read, not even its owner."""

from __future__ import annotations

from recoverops.lab.faults.fault import Needs
from recoverops.lab.releases import PRICES
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind


class BrokenPermission:
    name = "broken-permission"
    summary = "a release is deployed with a file that it may not read"
    service = "catalogue"
    cause_expected = IncidentKind.PERMISSION_DENIED
    allowed = frozenset({"switch-release"})
    needs = Needs.NOTHING

    def inject(self, scene: Scene, target: Target) -> None:
        files = {"release.json": {"version": "1.1.0", "price_lists": list(PRICES)}, **PRICES}
        scene.deploy(self.service, files, unreadable=("tea.json",))

    def restore(self, scene: Scene, target: Target) -> None:
        scene.withdraw(self.service)

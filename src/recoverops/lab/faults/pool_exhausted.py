"""Connections to the database are taken out of the pool and never given back."""

from __future__ import annotations

from recoverops.lab.faults.fault import Needs
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind


class PoolExhausted:
    name = "pool-exhausted"
    summary = "each order keeps its database connection"
    service = "orders"
    cause_expected = IncidentKind.CONNECTION_POOL_EXHAUSTED
    allowed = frozenset({"restart-service"})
    needs = Needs.NOTHING

    def inject(self, scene: Scene, target: Target) -> None:
        scene.turn(self.service, keep_connections=1)

    def restore(self, scene: Scene, target: Target) -> None:
        scene.replace(target)

"""Each request leaves something behind for ever, until the process has reached its limit and nothing is served."""

from __future__ import annotations

from recoverops.lab.faults.fault import Needs
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind

KEPT_PER_REQUEST = 2 * 1024 * 1024
"""Bytes. At the customers' ten requests a second it takes some seventeen seconds to the limit."""


class MemoryLeak:
    name = "memory-leak"
    summary = "each request keeps 2 MiB for ever"
    service = "catalogue"
    cause_expected = IncidentKind.MEMORY_LEAK
    allowed = frozenset({"restart-service"})
    needs = Needs.NOTHING

    def inject(self, scene: Scene, target: Target) -> None:
        scene.turn(self.service, keep_bytes=KEPT_PER_REQUEST)

    def restore(self, scene: Scene, target: Target) -> None:
        scene.replace(target)

"""One of two gateways leaves something behind at each request. Customers notice nothing for most of a minute.

It can be spared: the other one takes the load, and this one stays as it is for people to look at. When they have
repaired it, they ask for the load to be given back.
"""

from __future__ import annotations

from recoverops.lab.faults.fault import Needs
from recoverops.lab.layout import SECOND
from recoverops.lab.policy import RETURN_LOAD, SHIFT_LOAD
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind

KEPT_PER_REQUEST = 512 * 1024
"""Bytes. At its half of the customers' requests it takes over a minute to the process's limit."""


class SickBackend:
    name = "sick-backend"
    summary = "each request that this one of two gateways gets keeps 512 KiB"
    service = SECOND
    cause_expected = IncidentKind.MEMORY_LEAK
    allowed = frozenset({SHIFT_LOAD})
    needs = Needs.NGINX
    back = RETURN_LOAD

    def inject(self, scene: Scene, target: Target) -> None:
        scene.turn(self.service, keep_bytes=KEPT_PER_REQUEST)

    def repair(self, scene: Scene, target: Target) -> None:
        scene.turn(self.service, keep_bytes=0)

    def restore(self, scene: Scene, target: Target) -> None:
        self.repair(scene, target)
        scene.share_load()

"""While the service is down for a moment, another process takes its port: it cannot come back."""

from __future__ import annotations

from recoverops.lab.faults.fault import Needs
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind, PermanentError


class PortTaken:
    name = "port-taken"
    summary = "during a restart another process takes its port"
    service = "catalogue"
    cause_expected = IncidentKind.PORT_IN_USE
    allowed = frozenset({"free-port", "start-service"})
    needs = Needs.NOTHING

    def inject(self, scene: Scene, target: Target) -> None:
        scene.stop(self.service)
        scene.occupy(scene.layout.ports[self.service])
        scene.start(self.service)
        if not scene.has_ended(self.service, within_s=10):
            raise PermanentError(f"{self.service} started although its port was taken")

    def restore(self, scene: Scene, target: Target) -> None:
        scene.end_strays()
        if not scene.is_running(self.service):
            scene.start(self.service)

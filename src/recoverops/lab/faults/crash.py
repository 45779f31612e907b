"""The service dies at once, without a word."""

from __future__ import annotations

import os
import signal

from recoverops.lab.faults.fault import Needs
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind, PermanentError


class Crash:
    name = "crash"
    summary = "kill -9 of its process"
    service = "payments"
    cause_expected = IncidentKind.SERVICE_DOWN
    allowed = frozenset({"restart-service", "start-service"})
    needs = Needs.NOTHING

    def inject(self, scene: Scene, target: Target) -> None:
        send(target, signal.SIGKILL)

    def restore(self, scene: Scene, target: Target) -> None:
        scene.replace(target)  # the supervisor may not have noticed yet that this process is gone


def send(target: Target, signum: signal.Signals) -> None:
    """To this one process. Raises PermanentError when it is gone, or no process of a service at all."""
    if target.pid <= 1:
        raise PermanentError(f"{target.name} has the process id {target.pid}; expected that of a running service")
    try:
        os.kill(target.pid, signum)
    except ProcessLookupError as error:
        raise PermanentError(
            f"{target.name} (process {target.pid}) was gone before {signum.name} reached it"
        ) from error

"""The service dies at once, without a word."""

from __future__ import annotations

import os
import signal

from recoverops.lab.faults.fault import Target
from recoverops.model import IncidentKind, PermanentError


class Crash:
    name = "crash"
    cause_expected = IncidentKind.SERVICE_DOWN
    summary = "kill -9 of its process"

    def inject(self, target: Target) -> None:
        if target.pid <= 1:
            raise PermanentError(f"{target.name} has the process id {target.pid}; expected that of a running service")
        try:
            os.kill(target.pid, signal.SIGKILL)
        except ProcessLookupError as error:
            raise PermanentError(f"{target.name} (process {target.pid}) was gone before it could be killed") from error

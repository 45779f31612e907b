"""The causes, one file a family: pure functions of the facts. Adding one is a function and a line in `CAUSES`."""

from __future__ import annotations

from collections.abc import Callable

from recoverops.diagnosis.causes import availability, dependencies, logs, releases, resources, traffic
from recoverops.diagnosis.facts import Facts
from recoverops.model import Hypothesis

Cause = Callable[[Facts], Hypothesis | None]

CAUSES: tuple[Cause, ...] = (
    logs.port_in_use,
    logs.permission_denied,
    logs.connection_pool_exhausted,
    releases.bad_deployment,
    resources.disk_full,
    resources.memory_leak,
    resources.high_cpu,
    availability.service_hung,
    availability.service_down,
    dependencies.dependency_down,
    traffic.error_burst,
    traffic.slow_responses,
)
"""The more specific first: among equally sure hypotheses the earlier one leads."""

__all__ = ["CAUSES", "Cause"]

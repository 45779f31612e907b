"""Series at fault that are measured no more: a probe or a threshold was taken away, an exporter was replaced.

They keep their incident open for an hour in which all the others were well at every look and every source answered.
The hour is one of this process and of the clock that never steps: after a start nothing has been heard yet, and after
a step everything looks old. Called by the sweep, with each incident that is not over.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from recoverops import incidents
from recoverops.model import Condition, Incident, IncidentId, ResourceKind
from recoverops.pipeline.parts import Parts

GONE_AFTER = timedelta(hours=1)

_Standing = tuple[frozenset[str], float]
"""What is missing, and since when nothing else was wrong."""


class Vanished:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._before: dict[IncidentId, _Standing] = {}
        self._now: dict[IncidentId, _Standing] = {}

    def begin(self) -> None:
        """A look at all incidents begins; what the last one did not see well is forgotten."""
        self._before, self._now = self._now, {}

    def of(
        self, incident: Incident, conditions: Iterable[Condition], *, now: datetime, settled: timedelta
    ) -> frozenset[str]:
        """The series that are gone, when it may be closed without them; else none."""
        max_age = self._parts.decision.evidence_max_age
        missing = incidents.unheard(incident, conditions, now=now, settled=settled, max_age=max_age)
        if not missing or self._parts.conditions.any_bad(ResourceKind.SOURCE):
            return frozenset()
        at = self._parts.clock.monotonic()
        before = self._before.get(incident.id)
        began = before[1] if before is not None and before[0] == missing else at
        self._now[incident.id] = (missing, began)
        return missing if at - began >= GONE_AFTER.total_seconds() else frozenset()

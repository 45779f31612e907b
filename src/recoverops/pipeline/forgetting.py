"""Forgets alerts that have ended: each has a fingerprint of its own, and would stay in memory until the restart.

An alert goes when it was seen as ended for an hour, unless it is at fault in an open incident. Counted from when it was
seen, and not from when it ended: what comes out of turn right after it is still known to be older. Of a resource
that anybody asks about (of the inventory, or with an open incident) the newest of each symptom stays.

Who reads the conditions, and why nobody misses these:
- `is_clear`, `is_firing`, `is_onset`, verification and the gates of evidence read the series of an open incident, which
  stay, or what is bad, which an ended alert is not;
- the gate of protected targets asks whether everything that was heard of a member of a group is normal, and whether
  anything was: of each symptom one is left;
- `elsewhere` asks which symptoms are known, and since when the newest one is normal: that one is left, and nothing goes
  within `incidents.clear_after`;
- `has_been_normal` and `has_been_abnormal` go with it. An alert that fires again counts as an onset only if its series
  is in the open incident, and since when an alert fires its sender tells (`sticky`), not its past;
- diagnosis counts an ended alert as an observation against a cause. It finds one of each symptom; after a restart it
  finds none but of what ended since the oldest open incident began.

Called by the sweep.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from recoverops.model import Condition, IncidentState, Resource
from recoverops.pipeline.paging import every_incident
from recoverops.pipeline.parts import Parts

LOOK_EVERY_S = 60.0
KEPT_FOR = timedelta(hours=1)

_OPEN = tuple(state for state in IncidentState if state is not IncidentState.RESOLVED)


class Forgetting:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._due = 0.0
        self._seen: dict[str, tuple[datetime, float]] = {}
        """Series -> since when it has ended, and when that was seen first, by the monotonic clock."""

    def sometimes(self) -> None:
        """Once a minute."""
        now = self._parts.clock.monotonic()
        if now < self._due:
            return
        self._due = now + LOOK_EVERY_S
        ended = self._parts.conditions.ended_alerts()
        self._seen = {one.series: self._seen_first(one, now) for one in ended}
        kept_for_s = max(KEPT_FOR, self._parts.incidents.clear_after).total_seconds()
        old = {name for name, (_, first) in self._seen.items() if now - first >= kept_for_s}
        if not old:
            return
        open_now = tuple(every_incident(self._parts.store, _OPEN))
        asked_about = {incident.resource for incident in open_now}
        asked_about |= {service.resource for service in self._parts.inventory.services.values()}
        at_fault = {series for incident in open_now for series in incident.series}
        left = dispensable(ended, old=old - at_fault, asked_about=asked_about)
        self._parts.conditions.forget(left)

    def _seen_first(self, one: Condition, now: float) -> tuple[datetime, float]:
        known = self._seen.get(one.series)
        return known if known is not None and known[0] == one.since else (one.since, now)


def dispensable(
    ended: Iterable[Condition], *, old: Collection[str], asked_about: Collection[Resource]
) -> tuple[Condition, ...]:
    """Those of the `old` series that nobody needs. Pure."""
    everything = tuple(ended)
    newest: Mapping[tuple[Resource, str], Condition] = {
        (one.resource, one.symptom): one for one in sorted(everything, key=lambda one: one.since)
    }
    return tuple(
        one
        for one in everything
        if one.series in old and (one.resource not in asked_about or newest[one.resource, one.symptom] is not one)
    )

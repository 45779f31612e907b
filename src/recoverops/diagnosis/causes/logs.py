"""Causes that a service names in its own log. A log line alone is never enough: something has to hurt besides."""

from __future__ import annotations

from recoverops.diagnosis.facts import Facts, Observation
from recoverops.diagnosis.weigh import hypothesis
from recoverops.model import EventKind, Hypothesis, IncidentKind, series_name

HURTS = (
    "service.running",
    "http.probe.success",
    "http.server.error_ratio",
    "http.probe.duration",
    "http.server.duration",
)


def _said(facts: Facts, metric: str) -> Observation | None:
    found = facts.get(metric)
    return found if found is not None and found.value else None


def _hurting(facts: Facts, *metrics: str) -> list[Observation]:
    return [one for metric in metrics if (one := facts.get(metric)) is not None and one.is_bad]


def port_in_use(facts: Facts) -> Hypothesis | None:
    """It cannot start, and says that somebody has its port."""
    said, hurts = _said(facts, "log.port_in_use"), _hurting(facts, "service.running", "http.probe.success")
    return hypothesis(IncidentKind.PORT_IN_USE, facts, supporting=[said, *hurts]) if said and hurts else None


def permission_denied(facts: Facts) -> Hypothesis | None:
    """It is refused access to something of its own, e.g. since a release."""
    said, hurts = _said(facts, "log.permission_denied"), _hurting(facts, *HURTS)
    if not said or not hurts:
        return None
    return hypothesis(IncidentKind.PERMISSION_DENIED, facts, supporting=[said, *hurts, *recent_releases(facts)])


def connection_pool_exhausted(facts: Facts) -> Hypothesis | None:
    """Every connection is taken: its log says so, or its own gauge does."""
    said, full, hurts = _said(facts, "log.pool_exhausted"), _full_pool(facts), _hurting(facts, *HURTS)
    if not (said or full) or not hurts:
        return None
    return hypothesis(IncidentKind.CONNECTION_POOL_EXHAUSTED, facts, supporting=[said, full, *hurts])


def _full_pool(facts: Facts) -> Observation | None:
    in_use, size = facts.get("db.pool.in_use"), facts.value("db.pool.size")
    is_full = in_use is not None and in_use.value is not None and bool(size) and in_use.value >= (size or 0.0)
    return in_use if is_full else None


RECENT_RELEASE_S = 600.0
"""A release is suspected for this long after it was switched to."""


def recent_releases(facts: Facts) -> tuple[Observation, ...]:
    """Who says that it was switched to another release recently, and before the trouble began: the release itself by
    its age, and the newest deployment that somebody reported of it."""
    found = (_switched(facts), _deployed(facts))
    return tuple(one for one in found if one is not None)


def _switched(facts: Facts) -> Observation | None:
    age = facts.get("release.age")
    if age is None or age.value is None or age.value > RECENT_RELEASE_S:
        return None
    trouble_s = (facts.now - facts.incident.opened_at).total_seconds()
    return age if age.value >= trouble_s else None


def _deployed(facts: Facts) -> Observation | None:
    began = facts.incident.opened_at
    for event in facts.events:
        if event.kind is EventKind.DEPLOYMENT and 0 <= (began - event.at).total_seconds() <= RECENT_RELEASE_S:
            by = f" by {event.actor}" if event.actor else ""
            return Observation(
                series=series_name(facts.incident.resource, f"event:{event.source}:{event.id}"),
                symptom="",
                value=None,
                is_bad=False,
                statement=f"deployment at {event.at:%H:%M:%S} UTC{by}: {event.summary}",
                at=event.at,
            )
    return None

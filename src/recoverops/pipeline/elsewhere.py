"""Two troubles of one resource: what one shows of the other belongs into the other's incident.

An alert fires about a service, and the service goes down: the crash is an incident with a hold, a question and a count
of onsets of its own. The alert's is not acted on because of it; it waits while that is worked on, and calls nobody
meanwhile.
Called by `assess`; changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from recoverops import incidents
from recoverops.model import Condition, ConditionStatus, Fingerprint, Hypothesis, Incident, Reason, ResponseStage
from recoverops.pipeline.parts import Parts
from recoverops.ports import Tx

_HEALTH = "availability"
"""One symptom of the family that usually has one cause."""
_READ_TOGETHER = 500
"""Incidents of one read: far below what a statement may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    own: tuple[Hypothesis, ...]
    """What may be wrong here, the surest first."""
    elsewhere: tuple[tuple[Hypothesis, Condition], ...]
    """What is the trouble of another incident of the same resource, and what speaks for it."""


def told_apart(incident: Incident, found: Iterable[Hypothesis], conditions: tuple[Condition, ...]) -> Diagnosis:
    """`conditions` are those of the incident's resource. Pure."""
    shown = [(cause, _of_another(incident, cause, conditions)) for cause in found]
    return Diagnosis(
        own=tuple(cause for cause, other in shown if other is None),
        elsewhere=tuple((cause, other) for cause, other in shown if other is not None),
    )


def _of_another(incident: Incident, cause: Hypothesis, conditions: tuple[Condition, ...]) -> Condition | None:
    """What belongs into another incident, if nothing of this one speaks for the cause."""
    if cause.resource != incident.resource:
        return None
    speaking = {one.series for one in cause.evidence if one.supports}
    if not speaking.isdisjoint(incident.series):
        return None
    bad = [one for one in conditions if one.series in speaking and one.is_bad]
    if any(incidents.fingerprint(one.resource, one.symptom) == incident.fingerprint for one in bad):
        return None
    return bad[0] if bad else None


def in_work(parts: Parts, diagnosis: Diagnosis, *, now: datetime) -> str | None:
    """What is being responded to elsewhere, or has begun so lately that its incident is still to come; in words."""
    seen = [(cause, _trouble(condition), condition) for cause, condition in diagnosis.elsewhere]
    if not seen:
        return None
    troubles = {trouble for _, trouble, _ in seen}
    known = {one.fingerprint: one for one in parts.store.read(lambda tx: tx.incidents.open_with_any(troubles))}
    for cause, trouble, condition in seen:
        other = known.get(trouble)
        is_new = other is None and now - condition.since <= parts.incidents.clear_after
        if is_new or (other is not None and other.response is not ResponseStage.FINISHED):
            return (
                f"{cause.cause} is the incident of its {condition.symptom}, and repaired there: {condition.statement}"
            )
    return None


def ends_by_itself(parts: Parts, incident: Incident, *, now: datetime) -> tuple[Reason, str] | None:
    """Of one that waited for another, which is being verified or has just ended: an alert that came of it ends a little
    later. After a restart the other is heard of anew first.

    What itself only waits for another is not waited for: two that came of one trouble would wait for each other.
    """
    if incident.reason != Reason.ANOTHER_INCIDENT:
        return None
    told = parts.store.read(lambda tx: _why_it_may_end(parts, tx, incident, now=now))
    return None if told is None else (Reason.ANOTHER_INCIDENT, told)


def _why_it_may_end(parts: Parts, tx: Tx, incident: Incident, *, now: datetime) -> str | None:
    """In a storm thousands ask. The health of the resource is what they mostly wait for, so it is looked up first and
    alone; what all the others are at is read last."""
    health = incidents.fingerprint(incident.resource, _HEALTH)
    if (busy := _worked_on(tx.incidents.open_with_any({health} - {incident.fingerprint}))) is not None:
        return _told_of(busy)
    others = _of_others(incident, parts.conditions.of_resource(incident.resource))
    if (ended := _just_ended(parts, tx, others, now=now)) is not None:
        return f"its {ended.symptom} has only just recovered, so this may end by itself"
    waiting, troubles = 0, list(others)
    for first in range(0, len(troubles), _READ_TOGETHER):
        found = tx.incidents.open_with_any(troubles[first : first + _READ_TOGETHER])
        if (busy := _worked_on(found)) is not None:
            return _told_of(busy)
        waiting += sum(map(_waits_itself, found))
    return "what it waited for has not been heard of since the start" if waiting == len(others) else None


def _of_others(incident: Incident, conditions: Iterable[Condition]) -> dict[Fingerprint, list[Condition]]:
    """By the trouble that they show; without those of the incident's own."""
    by_symptom: dict[str, list[Condition]] = {}
    for one in conditions:
        by_symptom.setdefault(one.symptom, []).append(one)
    found: dict[Fingerprint, list[Condition]] = {}
    for symptom, shown in by_symptom.items():
        found.setdefault(incidents.fingerprint(incident.resource, symptom), []).extend(shown)
    found.pop(incident.fingerprint, None)
    return found


def _worked_on(others: Iterable[Incident]) -> Incident | None:
    return next((one for one in others if one.response is not ResponseStage.FINISHED and not _waits_itself(one)), None)


def _waits_itself(other: Incident) -> bool:
    return other.response is not ResponseStage.FINISHED and other.reason == Reason.ANOTHER_INCIDENT


def _told_of(busy: Incident) -> str:
    return f"the incident of its {busy.symptom} is still worked on"


def _just_ended(
    parts: Parts, tx: Tx, others: Mapping[Fingerprint, Iterable[Condition]], *, now: datetime
) -> Condition | None:
    """What was abnormal until a moment ago. What is measured is normal anew after each start, which is no end: there
    the incident tells, if there was one."""
    lately = now - parts.incidents.clear_after
    for trouble, shown in others.items():
        normal = [one for one in shown if one.status is ConditionStatus.NORMAL and one.since >= lately]
        seen = next((one for one in normal if one.sticky or parts.conditions.has_been_abnormal(one.series)), None)
        if seen is not None:
            return seen
        if normal and _resolved_since(tx, trouble, lately):
            return normal[0]
    return None


def _resolved_since(tx: Tx, trouble: Fingerprint, at: datetime) -> bool:
    newest = tx.incidents.newest_with(trouble)
    return newest is not None and newest.resolved_at is not None and newest.resolved_at >= at


def _trouble(seen: Condition) -> Fingerprint:
    return incidents.fingerprint(seen.resource, seen.symptom)

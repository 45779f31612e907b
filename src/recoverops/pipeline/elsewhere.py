"""Two troubles of one resource: what one shows of the other belongs into the other's incident.

An alert fires about a service, and the service goes down: the crash is an incident with a hold, a question and a count
of onsets of its own. The alert's is not acted on because of it; it waits while that is worked on, and calls nobody
meanwhile.
Called by `assess`; changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from recoverops import incidents
from recoverops.model import Condition, ConditionStatus, Hypothesis, Incident, Reason, ResponseStage
from recoverops.pipeline.parts import Parts


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
    for cause, seen in diagnosis.elsewhere:
        other = _open_about(parts, seen)
        is_new = other is None and now - seen.since <= parts.incidents.clear_after
        if is_new or _is_in_work(other):
            return f"{cause.cause} is the incident of its {seen.symptom}, and repaired there: {seen.statement}"
    return None


def _open_about(parts: Parts, seen: Condition) -> Incident | None:
    trouble = incidents.fingerprint(seen.resource, seen.symptom)
    return parts.store.read(lambda tx: tx.incidents.open_with(trouble))


def _is_in_work(other: Incident | None) -> bool:
    return other is not None and other.response is not ResponseStage.FINISHED


def ends_by_itself(parts: Parts, incident: Incident, *, now: datetime) -> tuple[Reason, str] | None:
    """Of one that waited for another, which is being verified or has just ended: an alert that came of it ends a little
    later. After a restart the other is heard of anew first."""
    if incident.reason != Reason.ANOTHER_INCIDENT:
        return None
    conditions = parts.conditions.of_resource(incident.resource)
    others = [one for one in conditions if one.series not in incident.series]
    if not others:
        return Reason.ANOTHER_INCIDENT, "what it waited for has not been heard of since the start"
    if (seen := next((one for one in others if _is_in_work(_open_about(parts, one))), None)) is not None:
        return Reason.ANOTHER_INCIDENT, f"the incident of its {seen.symptom} is still worked on"
    recovered = (one for one in others if one.status is ConditionStatus.NORMAL)
    ended = next((one for one in recovered if now - one.since <= parts.incidents.clear_after), None)
    if ended is None:
        return None
    return Reason.ANOTHER_INCIDENT, f"its {ended.symptom} has only just recovered, so this may end by itself"

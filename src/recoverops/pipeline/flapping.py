"""Damps trouble that comes and goes: counts its onsets, and hands it to a person when there were too many.

Called by `observe`, in its transaction. An action under way is seen through first; then `ending.resolve` calls the
person instead of closing.
"""

from __future__ import annotations

from datetime import datetime

from recoverops import incidents
from recoverops.model import Anomaly, Incident
from recoverops.pipeline.ending import escalate
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.story import tell
from recoverops.ports import Tx


def damped(parts: Parts, tx: Tx, incident: Incident, anomaly: Anomaly, *, now: datetime) -> Incident:
    """The open incident, with the onset counted if this anomaly is one; flapping, when that was one too many."""
    conditions = parts.conditions.of_resource(anomaly.resource)
    told = incidents.fresh(conditions, now=now, max_age=parts.decision.evidence_max_age)
    is_flip = parts.conditions.has_been_normal(anomaly.series) and incidents.is_onset(incident, told)
    if not is_flip or incident.request is not None:
        return incident
    counted = incidents.with_onset(incident, at=now, settings=parts.incidents)
    if counted.flapping_since is None or incident.flapping_since is not None:
        return tx.incidents.save(counted)
    if tx.runs.unfinished_of(incident.id) is None:
        return call_a_person(parts, tx, counted, now=now)
    _tell(parts, tx, counted, now=now)
    return tx.incidents.save(counted)


def call_a_person(parts: Parts, tx: Tx, incident: Incident, *, now: datetime) -> Incident:
    """Once: what comes after it joins this incident and tells nobody."""
    if incident.flapping_since == now:
        _tell(parts, tx, incident, now=now)
    told = incidents.in_words(incident, parts.incidents)
    return escalate(parts, tx, incident, reason=incidents.FLAPPING, statement=told, now=now)


def _tell(parts: Parts, tx: Tx, incident: Incident, *, now: datetime) -> None:
    told = incidents.in_words(incident, parts.incidents)
    tell(tx, incident, incidents.FLAPPING, told, at=now, actor=ENGINE, detail={"onsets": str(len(incident.onsets))})

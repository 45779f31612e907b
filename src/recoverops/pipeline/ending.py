"""How a segment ends: parked, finished, escalated or resolved. Each inside the caller's transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from recoverops import incidents
from recoverops.model import (
    ApprovalState,
    Incident,
    IncidentState,
    ResponseStage,
    RunState,
    SegmentKey,
    Wait,
    WaitKind,
)
from recoverops.notifications import compose
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.silenced import naming_silence
from recoverops.pipeline.story import tell
from recoverops.ports import Tx

VERIFIED = "verified"
"""The reason of an incident after whose action recovery was measured."""

MAX_FAILURES = 5
"""How often a response may fail inside RecoverOps; then a person is called."""


def park(
    tx: Tx,
    incident: Incident,
    kind: WaitKind,
    *,
    state: IncidentState,
    reason: str,
    due_at: datetime,
    now: datetime,
) -> Incident:
    """End the segment; the next one starts at `due_at` or at a signal."""
    tx.waits.park(Wait(incident_id=incident.id, kind=kind, due_at=due_at, since=now))
    return tx.incidents.save(
        msgspec.structs.replace(
            incident,
            state=state,
            reason=reason,
            response=ResponseStage.PARKED,
            segment=incident.segment + 1,
            resumed=0,
            updated_at=now,
        )
    )


def finish(tx: Tx, incident: Incident, *, state: IncidentState, reason: str, now: datetime) -> Incident:
    """Nothing more will be done about it unless somebody asks."""
    tx.waits.take(incident.id)
    return tx.incidents.save(incidents.finished(incident, state=state, reason=reason, now=now))


def escalate(parts: Parts, tx: Tx, incident: Incident, *, reason: str, statement: str, now: datetime) -> Incident:
    """A silence over the resource keeps nobody from being called; it is named."""
    statement = naming_silence(tx, incident.resource, statement, now=now)
    withdraw_question(tx, incident, now=now, note="escalated")
    saved = finish(tx, incident, state=IncidentState.ESCALATED, reason=reason, now=now)
    tell(tx, saved, "escalated", statement, at=now, actor=ENGINE, detail={"reason": reason})
    parts.post(tx, compose.incident_escalated(saved, statement, at=now))
    parts.telemetry.count("recoverops_escalations_total", reason=reason)
    return saved


def resolve(parts: Parts, tx: Tx, incident: Incident, *, reason: str, statement: str, now: datetime) -> Incident:
    """One that flaps is not over because an action helped once more: it goes to a person, and ends after its quiet."""
    if incident.flapping_since is not None and reason == VERIFIED:
        told = f"{statement}, but it is {incidents.in_words(incident, parts.incidents)}"
        return escalate(parts, tx, incident, reason=incidents.FLAPPING, statement=told, now=now)
    withdraw_question(tx, incident, now=now, note="the trouble ended")
    saved = finish(tx, incident, state=IncidentState.RESOLVED, reason=reason, now=now)
    tell(tx, saved, "resolved", statement, at=now, actor=ENGINE, detail={"reason": reason})
    parts.post(tx, compose.incident_resolved(saved, statement, at=now))
    parts.telemetry.count("recoverops_incidents_resolved_total", reason=reason)
    return saved


def withdraw_question(tx: Tx, incident: Incident, *, now: datetime, note: str) -> None:
    approval = tx.approvals.newest_of(incident.id)
    if approval is None or approval.state is not ApprovalState.PENDING:
        return
    tx.approvals.settle(approval.id, approval.unanswered(now), by=ENGINE, at=now, note=note)


def restart_response(parts: Parts, tx: Tx, key: SegmentKey, message: str) -> datetime | None:
    """After a failure inside RecoverOps: the next episode, with growing waits; after the last one a person.

    Returns when the next episode is due; None when there is none. Does nothing when another segment has taken over.
    """
    now = parts.clock.now()
    incident = tx.incidents.get(key.incident_id)
    is_current = (incident.episode, incident.segment) == (key.episode, key.segment)
    if incident.is_over or not is_current or incident.response is not ResponseStage.DUE:
        return None
    tell(tx, incident, "response_failed", message, at=now, actor=ENGINE, detail={"episode": str(key.episode)})
    failures = incident.failures + 1
    if failures >= MAX_FAILURES:
        run = tx.runs.unfinished_of(incident.id)
        if run is not None:
            tx.limits.release(run.id)
            tx.runs.save(msgspec.structs.replace(run, state=RunState.UNKNOWN, ended_at=now))
        escalate(parts, tx, incident, reason="internal_error", statement=f"RecoverOps failed: {message}", now=now)
        return None
    due_at = now + timedelta(seconds=2**failures)
    next_episode = msgspec.structs.replace(incident, episode=incident.episode + 1, failures=failures)
    park(tx, next_episode, WaitKind.RETRY, state=incident.state, reason="internal_error", due_at=due_at, now=now)
    return due_at

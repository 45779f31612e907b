"""The words of each notification. Pure; one function an event."""

from __future__ import annotations

from datetime import datetime

from recoverops.model import (
    Approval,
    Decision,
    Incident,
    Notification,
    Run,
    Severity,
    bounded,
    new_notification_id,
    said,
)
from recoverops.redact import redact

_LONGEST_TITLE = 300
_LONGEST_BODY = 4000
"""Characters. A title is one line, a body may have more: each of them has its words from outside, too."""


def incident_opened(incident: Incident, *, at: datetime) -> Notification:
    return _of(incident, "incident.opened", f"{incident.resource} in trouble", incident.title, at=at)


def approval_requested(incident: Incident, approval: Approval, *, at: datetime) -> Notification:
    body = (
        f"{approval.plan.summary}?\n"
        f"Approve with: recoverops approve {approval.id}\n"
        f"Deny with: recoverops deny {approval.id}\n"
        f"The question ends at {approval.expires_at:%H:%M:%S} UTC."
    )
    return _of(
        incident,
        "approval.requested",
        f"May I {approval.plan.action} on {approval.plan.target}?",
        body,
        at=at,
        approval=approval.id,
    )


def run_started(incident: Incident, run: Run, *, at: datetime) -> Notification:
    return _of(
        incident,
        "run.started",
        f"{run.runbook} on {run.plan.target}",
        run.plan.summary,
        at=at,
        requested_by=run.requested_by,
    )


def incident_resolved(incident: Incident, statement: str, *, at: datetime) -> Notification:
    return _of(incident, "incident.resolved", f"{incident.resource} recovered", statement, at=at)


def incident_closed(incident: Incident, statement: str, *, at: datetime) -> Notification:
    return _of(incident, "incident.resolved", f"{incident.resource} was closed by a person", statement, at=at)


def run_undone(incident: Incident, statement: str, *, at: datetime) -> Notification:
    """The end of an incident that a person opened to have something undone."""
    return _of(incident, "incident.resolved", f"a change of {incident.resource} was taken back", statement, at=at)


def incident_escalated(incident: Incident, statement: str, *, at: datetime) -> Notification:
    body = f"{statement}\nA person has to take over. Everything that was decided: recoverops why {incident.id}"
    return _of(incident, "incident.escalated", f"{incident.resource} needs a person", body, at=at)


def decision_observed(incident: Incident, decision: Decision, *, at: datetime) -> Notification:
    would = decision.plan.summary if decision.plan else "nothing"
    return _of(incident, "decision.observed", f"Would have acted on {incident.resource}", f"Would have: {would}", at=at)


def stop_engaged(reason: str, by: str, *, at: datetime) -> Notification:
    return _general("stop.engaged", "Emergency stop engaged", f"by {by}: {reason}", at=at)


def stop_cleared(by: str, *, at: datetime) -> Notification:
    return _general("stop.cleared", "Emergency stop cleared", f"by {by}; RecoverOps may act again", at=at)


def _of(incident: Incident, event: str, title: str, body: str, *, at: datetime, **fields: str) -> Notification:
    return Notification(
        id=new_notification_id(at),
        incident_id=incident.id,
        event=event,
        severity=incident.severity,
        title=said(title, longest=_LONGEST_TITLE),
        body=_said_lines(body),
        at=at,
        fields={"incident": incident.id, "resource": str(incident.resource), "kind": incident.kind, **fields},
    )


def _general(event: str, title: str, body: str, *, at: datetime) -> Notification:
    return Notification(
        id=new_notification_id(at),
        incident_id=None,
        event=event,
        severity=Severity.HIGH,
        title=said(title, longest=_LONGEST_TITLE),
        body=_said_lines(body),
        at=at,
    )


def _said_lines(body: str) -> str:
    """Its lines are ours: what comes from outside was said on one line, or is escaped here."""
    return "\n".join(bounded(line, longest=_LONGEST_BODY) for line in redact(body).split("\n"))

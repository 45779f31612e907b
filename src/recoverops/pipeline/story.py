"""Writes what happened into an incident's timeline and the audit chain, in the caller's transaction.

Both or neither: a change that is not audited does not happen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from recoverops.model import AuditLine, Incident, IncidentId, TimelineEntry
from recoverops.ports import Tx


def tell(
    tx: Tx,
    incident: Incident | IncidentId,
    event: str,
    text: str,
    *,
    at: datetime,
    actor: str,
    detail: Mapping[str, str] | None = None,
) -> None:
    """`event` is a constant name: opened, anomaly, decided, approval_requested, acted, verified, resolved, ..."""
    incident_id = incident.id if isinstance(incident, Incident) else incident
    fields = dict(detail or {})
    tell_all(tx, [TimelineEntry(incident_id=incident_id, at=at, event=event, actor=actor, text=text, detail=fields)])


def tell_all(tx: Tx, entries: Sequence[TimelineEntry]) -> None:
    """Lines of any incidents, in this order."""
    tx.incidents.tell(*entries)
    tx.audit.append_all([_audited(entry) for entry in entries])


def _audited(entry: TimelineEntry) -> AuditLine:
    return AuditLine(
        at=entry.at,
        actor=entry.actor,
        event=f"incident.{entry.event}",
        subject=entry.incident_id,
        detail={"text": entry.text, **entry.detail},
    )

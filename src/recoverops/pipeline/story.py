"""Writes what happened into an incident's timeline and the audit chain, in the caller's transaction.

Both or neither: a change that is not audited does not happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recoverops.model import Incident, IncidentId, TimelineEntry
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
    tx.incidents.tell(TimelineEntry(incident_id=incident_id, at=at, event=event, actor=actor, text=text, detail=fields))
    tx.audit.append(at=at, actor=actor, event=f"incident.{event}", subject=incident_id, detail={"text": text, **fields})

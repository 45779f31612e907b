"""A person closes an incident: the trouble is over, or is somebody else's. Nothing more is done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from recoverops.incidents import CLOSABLE, CLOSED, finished
from recoverops.model import ApprovalState, ConflictError, Incident, IncidentState, Notification, TimelineEntry
from recoverops.notifications import compose
from recoverops.operations.view import find_incident, without_secrets
from recoverops.ports import Clock, Store, Tx

ChannelsOf = Callable[[Notification], Sequence[str]]
"""Over which channels a notification goes, by the settings of the installation."""


def close_incident(
    store: Store, clock: Clock, incident_id: str, *, by: str, note: str = "", channels_of: ChannelsOf
) -> Incident:
    """The closed incident, for people to see. Its question is withdrawn and its wait removed; people are told.

    Raises NotFoundError; ConflictError while something that was started is not yet verified, or when it is over.
    """
    closed = store.write(
        lambda tx: close_in(
            tx, find_incident(tx, incident_id), by=by, note=note.strip(), now=clock.now(), channels_of=channels_of
        )
    )
    return without_secrets(closed)


def close_in(tx: Tx, incident: Incident, *, by: str, note: str, now: datetime, channels_of: ChannelsOf) -> Incident:
    """`close_incident`, in the caller's transaction."""
    _demand_closable(tx, incident)
    text = f"closed by {by}" + (f": {note}" if note else "")
    tx.audit.append(
        at=now, actor=by, event="incident.closed", subject=incident.id, detail={"was": incident.state, "note": note}
    )
    _withdraw_question(tx, incident, by=by, now=now)
    tx.waits.take(incident.id)
    closed = tx.incidents.save(finished(incident, state=IncidentState.RESOLVED, reason=CLOSED, now=now))
    tx.incidents.tell(
        TimelineEntry(
            incident_id=closed.id, at=now, event="closed", actor=by, text=text, detail={"was": incident.state}
        )
    )
    told = compose.incident_closed(closed, text, at=now)
    channels = channels_of(told)
    if channels:
        tx.outbox.post(told, channels=channels)
    return closed


def _demand_closable(tx: Tx, incident: Incident) -> None:
    run = tx.runs.unfinished_of(incident.id)
    if incident.state in CLOSABLE and run is None:
        return
    if incident.is_over:
        ended = f" at {incident.resolved_at:%Y-%m-%d %H:%M:%S} UTC" if incident.resolved_at else ""
        raise ConflictError(f"incident {incident.id} is resolved already{ended} ({incident.reason})")
    doing = f"run {run.id} of {run.runbook} is {run.state}" if run else "a response works on it"
    raise ConflictError(
        f"incident {incident.id} is {incident.state}: {doing}, and has to be seen through first; "
        "close it when it is waiting, escalated or resolved by that"
    )


def _withdraw_question(tx: Tx, incident: Incident, *, by: str, now: datetime) -> None:
    asked = tx.approvals.newest_of(incident.id)
    if asked is not None and asked.state is ApprovalState.PENDING:
        tx.approvals.settle(asked.id, asked.unanswered(now), by=by, at=now, note="the incident was closed")

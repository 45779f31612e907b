"""A person asks for a runbook on a service: an incident of its own, which takes the same way through the gates.

The asker is on record as the requester, so where an approval is needed, another person has to give it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from recoverops.model import (
    ConflictError,
    Fingerprint,
    Incident,
    IncidentState,
    NotFoundError,
    Resource,
    ResponseStage,
    RunRequest,
    RunState,
    Severity,
    TimelineEntry,
    digest,
    new_incident_id,
)
from recoverops.operations.close import ChannelsOf, close_in
from recoverops.ports import Clock, Store, Tx
from recoverops.topology import Inventory

SYMPTOM = "requested"


def request_run(
    store: Store,
    clock: Clock,
    request: RunRequest,
    *,
    service: str,
    inventory: Inventory,
    runbooks: Collection[str],
    channels_of: ChannelsOf,
) -> Incident:
    """The incident that carries the request; a running engine takes it up within a second. An earlier request that was
    refused is closed by it.

    Raises NotFoundError for an unknown service or runbook, ConflictError when this service has a request in work, or
    one that has acted and is not closed.
    """
    found = inventory.services.get(service)
    if found is None:
        raise NotFoundError(f'there is no service "{service}"; known are: {_names(inventory.services)}')
    if request.runbook not in runbooks:
        raise NotFoundError(f'there is no runbook "{request.runbook}"; known are: {_names(runbooks)}')
    incident = _incident(found.resource, request, now=clock.now())
    store.write(lambda tx: _insert(tx, incident, request, channels_of))
    return incident


def _names(known: Iterable[str]) -> str:
    return ", ".join(sorted(known)) or "none"


def _incident(resource: Resource, request: RunRequest, *, now: datetime) -> Incident:
    return Incident(
        id=new_incident_id(now),
        fingerprint=Fingerprint(digest("request", str(resource))[:32]),
        resource=resource,
        symptom=SYMPTOM,
        severity=Severity.LOW,
        state=IncidentState.OPEN,
        title=f"{request.by} asked for {request.runbook} on {resource} - {request.reason}",
        opened_at=now,
        updated_at=now,
        request=request,
        response=ResponseStage.DUE,
        reason=SYMPTOM,
    )


def _was_refused(tx: Tx, known: Incident) -> bool:
    """Whether nobody works on it and nothing was done. What has acted, with whatever end, is for a person to see."""
    has_acted = any(run.state is not RunState.ABANDONED for run in tx.runs.of_incident(known.id))
    return known.response is ResponseStage.FINISHED and not has_acted


def _insert(tx: Tx, incident: Incident, request: RunRequest, channels_of: ChannelsOf) -> None:
    known = tx.incidents.open_with(incident.fingerprint)
    if known is not None and _was_refused(tx, known):
        close_in(tx, known, by=request.by, note="asked for again", now=incident.opened_at, channels_of=channels_of)
    elif known is not None:
        raise ConflictError(
            f"{incident.resource} has a request in work already: {known.id} ({known.state}); see it and close it first"
        )
    tx.incidents.insert(incident)
    tx.incidents.tell(
        TimelineEntry(
            incident_id=incident.id, at=incident.opened_at, event="requested", actor=request.by, text=incident.title
        )
    )
    tx.audit.append(
        at=incident.opened_at,
        actor=request.by,
        event="run.requested",
        subject=incident.id,
        detail={"runbook": request.runbook, "resource": str(incident.resource), "reason": request.reason},
    )

"""What would be decided now? Asks the engine's own dry run, about a real incident or one that is only supposed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from recoverops.model import (
    Decision,
    Fingerprint,
    Incident,
    IncidentId,
    IncidentState,
    NotFoundError,
    Resource,
    RunRequest,
    Severity,
    digest,
)
from recoverops.ports import Clock, Store
from recoverops.topology import Inventory

Evaluate = Callable[[Incident], Decision]
"""The engine's dry run: reads and probes, writes and starts nothing."""


def evaluate_incident(store: Store, evaluate: Evaluate, incident_id: str) -> Decision:
    """Raises NotFoundError."""
    return evaluate(store.read(lambda tx: tx.incidents.get(IncidentId(incident_id))))


def evaluate_run(
    clock: Clock, evaluate: Evaluate, inventory: Inventory, *, service: str, runbook: str, by: str
) -> Decision:
    """What every gate would say if `by` asked for this runbook now. Raises NotFoundError for an unknown service."""
    found = inventory.services.get(service)
    if found is None:
        raise NotFoundError(
            f'there is no service "{service}"; known are: {", ".join(sorted(inventory.services)) or "none"}'
        )
    request = RunRequest(runbook=runbook, by=by, reason="dry run")
    return evaluate(_supposed(found.resource, request, now=clock.now()))


def _supposed(resource: Resource, request: RunRequest, *, now: datetime) -> Incident:
    """Exists nowhere but here."""
    return Incident(
        id=IncidentId("dry-run"),
        fingerprint=Fingerprint(digest("dry-run", str(resource))[:32]),
        resource=resource,
        symptom="requested",
        severity=Severity.LOW,
        state=IncidentState.OPEN,
        title="dry run",
        opened_at=now,
        updated_at=now,
        request=request,
    )

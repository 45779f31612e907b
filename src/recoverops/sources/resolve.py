"""What a foreign alert is about, in our own terms. Pure.

The alert's text chooses among the services of the inventory; it can never name a target of its own making.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from recoverops.model import Alert, Resource, ResourceKind, Severity
from recoverops.redact import redact
from recoverops.sources.settings import IntakeSettings
from recoverops.topology import Inventory

AVAILABILITY = "availability"

_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "page": Severity.CRITICAL,
    "emergency": Severity.CRITICAL,
    "high": Severity.HIGH,
    "error": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "warning": Severity.MEDIUM,
    "low": Severity.LOW,
    "info": Severity.LOW,
    "none": Severity.NORMAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    resource: Resource
    symptom: str
    severity: Severity


def resolve(alert: Alert, inventory: Inventory, settings: IntakeSettings) -> Resolved:
    """The resource is a service of the inventory, or one that exists nowhere and can therefore not be acted on."""
    symptom = AVAILABILITY if alert.name in settings.availability_alerts else f"alert:{alert.name}"
    return Resolved(
        resource=_resource(alert, inventory),
        symptom=symptom,
        severity=_SEVERITIES.get(alert.labels.get("severity", "").lower(), Severity.HIGH),
    )


def _resource(alert: Alert, inventory: Inventory) -> Resource:
    services = inventory.matching(alert.labels)
    if len(services) == 1:
        return services[0].resource
    named = alert.labels.get("service") or alert.labels.get("job") or alert.labels.get("instance") or alert.name
    how = "ambiguous" if services else "unlisted"
    named = redact(named)  # a secret would not look like one any more
    return Resource(kind=ResourceKind.SERVICE, name=f"{how}/{re.sub(r'[^A-Za-z0-9._:-]', '_', named)[:100]}")

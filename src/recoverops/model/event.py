"""Something that somebody changed, or a security event: what stands beside an incident as "what happened before"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from recoverops.model.ids import digest
from recoverops.model.record import Record
from recoverops.model.resource import Resource
from recoverops.model.severity import Severity


class EventKind(StrEnum):
    DEPLOYMENT = "deployment"
    """other code or another image runs"""
    SCALING = "scaling"
    """more, fewer, larger or smaller"""
    CONFIGURATION = "configuration"
    LIFECYCLE = "lifecycle"
    """started, stopped, replaced, ended"""
    IDENTITY = "identity"
    """users, roles, keys and their rights"""
    NETWORK = "network"
    """routes, rules of firewalls, load balancers"""
    DATA = "data"
    """backups, restores, deletions"""
    SECURITY = "security"
    """refused calls, log-ins, findings"""
    OTHER = "other"


class Event(Record, frozen=True, kw_only=True):
    """Its text never aims an action: it is evidence."""

    source: str
    id: str
    """The sender's own id, unique within the source: an event that comes twice is stored once."""
    at: datetime
    kind: EventKind
    summary: str
    """One sentence for people, bounded and redacted by the source."""
    actor: str = ""
    """Who did it, as the sender names them; empty when it does not say."""
    severity: Severity = Severity.NORMAL
    resources: tuple[Resource, ...] = ()
    """What it is about, when the source knows it by an address. Empty: `attributes` choose among the services."""
    attributes: Mapping[str, str] = {}
    """Names of OpenTelemetry, e.g. `service.name`, `cloud.region`, `cloud.resource_id`."""

    @property
    def dedup_key(self) -> str:
        return digest(self.source, self.id)


class StoredEvent(Record, frozen=True, kw_only=True):
    """An event after its durable write; its resources are those that the inventory knows."""

    seq: int
    received_at: datetime
    event: Event

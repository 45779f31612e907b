"""What is told to people, and how the telling went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from recoverops.model.ids import IncidentId, NotificationId
from recoverops.model.record import Record
from recoverops.model.severity import Severity


class Notification(Record, frozen=True, kw_only=True):
    id: NotificationId
    incident_id: IncidentId | None
    event: str
    """`incident.opened`, `approval.requested`, `run.started`, `incident.resolved`, `incident.escalated`, ..."""
    severity: Severity
    title: str
    body: str
    at: datetime
    fields: Mapping[str, str] = {}


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    """given up after the last attempt; the reason is kept"""


class Delivery(Record, frozen=True, kw_only=True):
    """One notification on its way through one channel."""

    notification: Notification
    channel: str
    state: DeliveryState
    attempts: int
    next_at: datetime
    last_error: str = ""

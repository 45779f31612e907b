"""What is told to people, and how the telling went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from recoverops.model.ids import IncidentId, NotificationId
from recoverops.model.record import Record
from recoverops.model.severity import Severity

LONGEST_PAUSE = timedelta(hours=1)
"""A channel that asked to be left alone for longer is tried again after it."""
_ASKS = frozenset({"approval.requested", "incident.escalated", "stop.engaged", "stop.cleared"})
"""Events that a person has to act on, or that change what the others mean."""


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

    @property
    def place(self) -> int:
        """Where it stands in a channel's queue, 0 first: what asks for a person, then the more severe."""
        return (0 if self.event in _ASKS else len(Severity)) + Severity.CRITICAL.rank - self.severity.rank


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
    tried_at: datetime | None = None
    """When the last attempt failed."""
    done_at: datetime | None = None
    """When it was sent or given up."""

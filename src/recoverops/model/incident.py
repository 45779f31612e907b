"""An incident: one trouble of one resource, from its first anomaly to its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from recoverops.model.ids import Fingerprint, IncidentId
from recoverops.model.record import Record
from recoverops.model.resource import Resource
from recoverops.model.severity import Severity


class IncidentKind(StrEnum):
    """What is wrong, as diagnosis names it and rules ask for it."""

    SERVICE_DOWN = "service_down"
    SERVICE_HUNG = "service_hung"
    HIGH_CPU = "high_cpu"
    MEMORY_LEAK = "memory_leak"
    DISK_FULL = "disk_full"
    ERROR_BURST = "error_burst"
    SLOW_RESPONSES = "slow_responses"
    BAD_DEPLOYMENT = "bad_deployment"
    DEPENDENCY_DOWN = "dependency_down"
    CONNECTION_POOL_EXHAUSTED = "connection_pool_exhausted"
    PORT_IN_USE = "port_in_use"
    PERMISSION_DENIED = "permission_denied"
    UNKNOWN = "unknown"


class IncidentState(StrEnum):
    OPEN = "open"
    WAITING = "waiting"
    """for a hold, a cooldown or a person"""
    ACTING = "acting"
    VERIFYING = "verifying"
    ESCALATED = "escalated"
    """a person has to take over; the trouble may still be there"""
    RESOLVED = "resolved"


LEGAL_TRANSITIONS: frozenset[tuple[IncidentState, IncidentState]] = frozenset(
    {
        (IncidentState.OPEN, IncidentState.WAITING),
        (IncidentState.OPEN, IncidentState.ACTING),
        (IncidentState.OPEN, IncidentState.ESCALATED),
        (IncidentState.OPEN, IncidentState.RESOLVED),
        (IncidentState.WAITING, IncidentState.ACTING),
        (IncidentState.WAITING, IncidentState.ESCALATED),
        (IncidentState.WAITING, IncidentState.RESOLVED),
        (IncidentState.ACTING, IncidentState.VERIFYING),
        (IncidentState.ACTING, IncidentState.WAITING),
        (IncidentState.ACTING, IncidentState.ESCALATED),
        (IncidentState.VERIFYING, IncidentState.RESOLVED),
        (IncidentState.VERIFYING, IncidentState.ESCALATED),
        (IncidentState.ESCALATED, IncidentState.RESOLVED),
        (IncidentState.ESCALATED, IncidentState.OPEN),
    }
)
"""The life cycle. The database refuses every other change of state."""


class ResponseStage(StrEnum):
    """Whether somebody has to start the next segment of the response."""

    DUE = "due"
    """a segment runs or has to be started; the sweep starts it when nothing else does"""
    PARKED = "parked"
    """a row in `wait` says for what and until when"""
    FINISHED = "finished"


class RunRequest(Record, frozen=True, kw_only=True):
    """A person asks for a runbook on a service. The gates are asked as ever; the request is the evidence."""

    runbook: str
    by: str
    reason: str


class Incident(Record, frozen=True, kw_only=True):
    id: IncidentId
    fingerprint: Fingerprint
    resource: Resource
    symptom: str
    severity: Severity
    state: IncidentState
    title: str
    opened_at: datetime
    updated_at: datetime
    kind: IncidentKind = IncidentKind.UNKNOWN
    rule: str = ""
    """The rule that matched last; empty while none has."""
    rule_since: datetime | None = None
    """Since when it does, at every look: from then on its `hold` counts."""
    series: tuple[str, ...] = ()
    """The series at fault; verification needs every one of them to be normal again."""
    request: RunRequest | None = None
    """Set when a person asked for a run; then `series` is empty, and no rule is asked."""
    resolved_at: datetime | None = None
    reason: str = ""
    """Why it is in this state, one of the constant words of `model.reasons`."""
    onsets: tuple[datetime, ...] = ()
    """When the trouble came lately, oldest first; a new incident takes over those of the one before."""
    flapping_since: datetime | None = None
    """Set when it had come too often: then nothing is done about it until a long quiet."""
    episode: int = 1
    """Raised when a response has to start afresh, e.g. after an internal error."""
    segment: int = 1
    """Raised at each wait: a response is a chain of segments with deterministic ids."""
    response: ResponseStage = ResponseStage.DUE
    begun_at: datetime | None = None
    """When its response was begun anew, by new evidence or by a rule; None: it began with the incident."""
    resumed: int = 0
    """How often this segment was found cut off, at the start of a process."""
    failures: int = 0
    """How often its response failed inside RecoverOps since it was begun."""
    revision: int = 1
    """Raised by the store at each save; a save from an older revision is a conflict."""

    @property
    def is_over(self) -> bool:
        return self.state is IncidentState.RESOLVED

    @property
    def responding_since(self) -> datetime:
        return self.begun_at or self.opened_at


class TimelineEntry(Record, frozen=True, kw_only=True):
    """One line of an incident's story."""

    incident_id: IncidentId
    at: datetime
    event: str
    """A constant name: `opened`, `anomaly`, `decided`, `acted`, `verified`, ..."""
    actor: str
    text: str
    detail: Mapping[str, str] = {}


class SegmentKey(Record, frozen=True, kw_only=True):
    """Names one segment of one response."""

    incident_id: IncidentId
    episode: int
    segment: int

    @property
    def workflow_id(self) -> str:
        return f"respond:{self.incident_id}:{self.episode}:{self.segment}"

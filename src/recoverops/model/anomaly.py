"""What detection says of a series: abnormal, normal, or that it cannot tell."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from recoverops.model.record import Record
from recoverops.model.resource import Resource
from recoverops.model.severity import Severity


class ConditionStatus(StrEnum):
    NORMAL = "normal"
    PENDING = "pending"
    """beyond its threshold, but not for long enough yet"""
    ABNORMAL = "abnormal"
    NOT_ENOUGH_DATA = "not_enough_data"


class Condition(Record, frozen=True, kw_only=True):
    """Where one series stands now. Verification and the freshness gate read it, detection writes it."""

    series: str
    resource: Resource
    symptom: str
    """The family of trouble that the series shows, e.g. `availability`."""
    status: ConditionStatus
    since: datetime
    """When it entered this status: the time of the first sample that said so, not of the last."""
    last_at: datetime
    """The newest sample or alert behind it."""
    value: float | None
    """The newest value; None for an alert, which carries no number."""
    statement: str
    """One sentence for people: "http.probe.success was 0 at 12:00:01 (connection refused)"."""
    severity: Severity = Severity.NORMAL
    """How bad it is while it is abnormal, or about to be called so."""
    sticky: bool = False
    """True for alerts: their sender reports changes only, so silence does not make them stale."""

    @property
    def is_bad(self) -> bool:
        """Abnormal, or on its way there or back."""
        return self.status in {ConditionStatus.ABNORMAL, ConditionStatus.PENDING}


class Anomaly(Record, frozen=True, kw_only=True):
    """A series that turned abnormal and stayed so for the demanded duration."""

    series: str
    resource: Resource
    symptom: str
    severity: Severity
    since: datetime
    at: datetime
    value: float | None
    statement: str
    detector: str

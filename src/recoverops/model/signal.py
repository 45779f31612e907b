"""What comes in: samples that RecoverOps measured itself, and alerts that others sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from recoverops.model.ids import digest
from recoverops.model.outside import bounded
from recoverops.model.record import Record
from recoverops.model.resource import Resource

_BASELINE = "baseline:"


class Sample(Record, frozen=True, kw_only=True):
    """One measured value of one series."""

    resource: Resource
    metric: str
    """e.g. `service.running` (1 or 0), `http.probe.success` (1 or 0), `http.probe.duration` (seconds)"""
    value: float
    at: datetime
    source: str
    detail: str = ""
    """What stands behind the number, for evidence: "EXITED, exit status 137"."""

    @property
    def series(self) -> str:
        return series_name(self.resource, self.metric)


def series_name(resource: Resource, metric: str) -> str:
    return f"{resource}/{metric}"


def forecast_series(resource: Resource, metric: str) -> str:
    """The series of what is foreseen for a metric, beside the series of what is measured."""
    return series_name(resource, f"forecast:{metric}")


def is_forecast_series(series: str) -> bool:
    """Whether the series says what will be, not what is."""
    return series.partition("/")[2].startswith("forecast:")


def baseline_series(resource: Resource, metric: str) -> str:
    """The series of a metric judged by its own past, beside the one that is judged by a limit."""
    return series_name(resource, f"{_BASELINE}{metric}")


def judged_metric(resource: Resource, series: str) -> str:
    """The metric that a condition's series is about, whichever detector made it."""
    return series.removeprefix(f"{resource}/").removeprefix(_BASELINE)


def is_alert_series(series: str) -> bool:
    """Whether the series is an alert of somebody else's, not a measurement of ours."""
    return "/alert:" in series


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(Record, frozen=True, kw_only=True):
    """One alert as its sender described it. Its text never aims an action: the inventory does."""

    source: str
    fingerprint: str
    """The sender's own id of the alert, the same from every member of an HA pair."""
    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None = None
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        """Printable and not too long, whatever the sender calls it. Not redacted: rules and series name it."""
        return bounded(self.labels.get("alertname", "unnamed"))

    @property
    def dedup_key(self) -> str:
        """Equal for every delivery of the same fact, so an HA pair or a retry is stored once."""
        return digest(self.source, self.fingerprint, self.starts_at.isoformat(), self.status)


class StoredAlert(Record, frozen=True, kw_only=True):
    """An alert after its durable write."""

    seq: int
    received_at: datetime
    alert: Alert


class Admission(Record, frozen=True, kw_only=True):
    """What became of one delivery: how many alerts were new, and how many were known already."""

    stored: int
    duplicates: int

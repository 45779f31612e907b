"""What might be the cause, on what evidence, and how sure."""

from __future__ import annotations

from datetime import datetime

from recoverops.model.incident import IncidentKind
from recoverops.model.record import Record
from recoverops.model.resource import Resource


class Evidence(Record, frozen=True, kw_only=True):
    """One observation, for or against."""

    series: str
    supports: bool
    statement: str
    at: datetime


class Hypothesis(Record, frozen=True, kw_only=True):
    cause: IncidentKind
    resource: Resource
    confidence: float
    """0..1; see the diagnosis that made it for how it is computed."""
    evidence: tuple[Evidence, ...]

"""What is asked at `POST /anomaly` and what is answered, as records. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from recoverops.model import PermanentError, Record, Resource, Severity


class UnfitQuestionError(PermanentError):
    """A value of the question cannot be used; the message names it."""


class Lacking(StrEnum):
    """Why a row cannot be judged."""

    NO_MODEL = "no_model"
    METRICS_MISSING = "metrics_missing"
    WINDOW_TOO_SHORT = "window_too_short"
    LATE = "late"


class Question(Record, frozen=True, kw_only=True):
    """One row: what was measured of one resource at one time."""

    resource: Resource
    at: datetime
    metrics: Mapping[str, float]
    """By the names of the model's inputs; what is not there is missing."""


KEPT = "history"
"""The source of a training that learns from what was kept here."""


class TrainingWish(Record, frozen=True, kw_only=True):
    """What a person, or the engine itself, wants to be trained; empty texts mean the defaults."""

    resource: Resource
    kind: str = ""
    name: str = ""
    source: str = KEPT
    """Or the name of a `ports.RangeReader`."""
    queries: Mapping[str, str] = {}
    """What a reader is asked for, by column; none means those of its configuration."""
    by: str


class ModelName(Record, frozen=True, kw_only=True):
    name: str
    version: int
    kind: str


class Scored(Record, frozen=True, kw_only=True):
    """How abnormal the row is."""

    status: Literal["scored"] = "scored"
    resource: Resource
    timestamp: datetime
    severity: Severity
    is_anomaly: bool
    score: float
    """0 to 1; 0.5 is the alarm threshold"""
    p_value: float
    p_resolution: float
    """The smallest p-value that this model can honestly state."""
    contributions: Mapping[str, float]
    """Share of each metric in the score, largest first; they sum to 1."""
    missing: tuple[str, ...]
    """Metrics of the model without a value in this row."""
    ignored: tuple[str, ...]
    """What was sent and the model does not know."""
    model: ModelName


class Unscored(Record, frozen=True, kw_only=True):
    """The row cannot be judged. This does not mean that it is normal."""

    status: Literal["not_enough_data"] = "not_enough_data"
    resource: Resource
    timestamp: datetime
    reason: Lacking
    statement: str
    missing: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    model: ModelName | None = None


Answer = Scored | Unscored

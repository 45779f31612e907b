"""What an operator may set about the streaming detector, and the hash that names a configuration in every table."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from recoverops.detection.metrics.streaming.layout import LAYOUT_VERSION

ALGORITHM = 6
"""Raised with every change of the kernel or its constants that changes a score, so that the hash changes with it."""


class Component(StrEnum):
    """A way to be abnormal that can be switched off, to see what it is worth."""

    SPIKE = "spike"
    SHIFT = "shift"
    DRIFT = "drift"
    VARIANCE = "variance"
    SEASON = "season"
    PATTERN = "pattern"
    FLAT_LINE = "flat_line"


class StreamSettings(BaseModel):
    """The streaming detector of single series."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    false_alarms_per_week: float = Field(
        default=1.0,
        gt=0,
        le=50,
        description="Budget: false alarms per series and week. The alarm level rises with every alarm and sinks at "
        "the speed of the budget. Default 1.",
    )
    warm_up_points: int = Field(
        default=24,
        ge=8,
        le=100_000,
        description="Points of a new series before it is judged at all; until then the answer is NOT_ENOUGH_DATA. "
        "Default 24: two hours of a five-minute series; single judgements that need more wait longer by themselves.",
    )
    episode_points: int = Field(
        default=30,
        ge=1,
        le=100_000,
        description="Points after an alarm that belong to it: in them no second alarm is raised. Default 30.",
    )
    silent_after: float = Field(
        default=5.0,
        gt=1,
        description="A series is silent when nothing came for so many of its usual intervals. Default 5.",
    )
    max_series: int = Field(
        default=2_000_000,
        ge=1,
        description="The highest number of series that is accepted, a bound on memory at 512 bytes each. Default "
        "2,000,000: 1 GB.",
    )
    components: frozenset[Component] = Field(
        default=frozenset(Component),
        min_length=1,
        strict=False,
        description="What is looked at: spike, shift, drift, variance, season, pattern, flat_line. Default: all.",
    )

    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any setting and with the stored layout."""
        told = self.model_dump(mode="json") | {
            "algorithm": ALGORITHM,
            "layout": LAYOUT_VERSION,
            "components": sorted(self.components),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

"""What a measurement hands back: figures with their targets, and the arithmetic behind them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number. `name` is constant, so that runs can be compared."""

    name: str
    value: float
    unit: str
    below: float | None = None
    """The target: the value has to be smaller than this."""
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """None: there is no target."""
        return None if self.below is None else self.value < self.below

    def plain(self) -> dict[str, Any]:
        value = None if math.isnan(self.value) else round(self.value, 4)
        return {
            "name": self.name,
            "value": value,
            "unit": self.unit,
            "below": self.below,
            "met": self.is_met,
            "note": self.note,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that `share` (0..1) of them do not exceed (nearest rank); NaN when there are none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


def shown(value: float, unit: str) -> str:
    """As it stands in the table."""
    if math.isnan(value):
        return "none"
    digits = 0 if unit in {"1/s", "count", "MB"} else 1 if unit == "ms" else 2
    return f"{value:,.{digits}f} {unit}".removesuffix(" count")

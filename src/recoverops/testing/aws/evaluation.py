"""What state an alarm of CloudWatch has, given the values of its metric. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: a few periods more than the
alarm asks for are looked at; what is missing among them is filled in only when too few values are there.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

MORE_PERIODS = 2
"""So many periods beyond those that the alarm asks for are in its evaluation range."""


class State(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the alarm asks of its metric."""

    comparison: str
    threshold: float
    periods: int
    to_alarm: int
    missing: str
    """`missing`, `ignore`, `breaching` or `notBreaching`"""


COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def state_of(demand: Demand, values: Sequence[float | None], before: State) -> State:
    """`values` of the evaluation range, the newest first; None where there is none. `before`: the state until now."""
    compare = COMPARISONS[demand.comparison]
    found = [compare(value, demand.threshold) for value in values if value is not None][: demand.periods]
    lacking, breaching = demand.periods - len(found), sum(found)
    if lacking and demand.missing == "breaching":
        breaching += lacking
    if breaching >= demand.to_alarm:
        return State.ALARM
    if not lacking or demand.missing in {"breaching", "notBreaching"}:
        return State.OK
    if demand.missing == "ignore":
        return before if all(found) else State.OK
    if not found:
        return State.INSUFFICIENT_DATA
    return State.ALARM if breaching >= min(demand.to_alarm, len(found)) else State.OK


def statistic_of(name: str, values: Sequence[float]) -> float:
    """Of at least one value. Percentiles are those of the values themselves, without interpolation."""
    if name.startswith("p"):
        rank = math.ceil(float(name[1:]) / 100 * len(values))
        return sorted(values)[max(rank, 1) - 1]
    return {
        "Average": lambda: sum(values) / len(values),
        "Sum": lambda: math.fsum(values),
        "Minimum": lambda: min(values),
        "Maximum": lambda: max(values),
        "SampleCount": lambda: float(len(values)),
    }[name]()

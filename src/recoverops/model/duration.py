"""Spans of time as people write them in settings: `500ms`, `5s`, `5 min`, `2h`, `1d`.

Every room's settings.py uses `Duration`; bounds are added with
`Annotated[Duration, Field(ge=timedelta(seconds=1))]`. A number without a unit is refused: five what?
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS: dict[str, timedelta] = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "sec": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_WRITTEN = re.compile(r"(?P<amount>\d{1,16}(?:\.\d{1,6})?)\s*(?P<unit>[a-z]*)", re.ASCII)
LONGEST = timedelta(days=36500)
_MICROSECOND = timedelta(microseconds=1)


def parse_duration(value: object) -> timedelta:
    """The span that `value` says; a timedelta is returned as it is. Raises ValueError with the way out."""
    if isinstance(value, timedelta):
        return value
    written = _WRITTEN.fullmatch(str(value).strip())
    if written is None:
        raise ValueError("write an amount and its unit, e.g. 5s, 10m or 2h")
    amount, unit = written["amount"], written["unit"]
    if not unit:
        raise ValueError(f"say the unit, e.g. {amount}s")
    if unit not in _UNITS:
        raise ValueError(f"the unit {unit} is not known; use one of ms, s, m, h, d, e.g. {amount}m")
    microseconds = Decimal(amount) * (_UNITS[unit] // _MICROSECOND)
    if microseconds > LONGEST // _MICROSECOND:
        raise ValueError(f"the longest duration is {format_duration(LONGEST)}")
    return int(microseconds) * _MICROSECOND


def format_duration(span: timedelta) -> str:
    """The span in the largest unit that says it exactly: `90s`, `5m`, `1500ms`. `parse_duration` reads it back."""
    for unit in ("d", "h", "m", "s", "ms"):
        amount, rest = divmod(span, _UNITS[unit])
        if not rest and (amount or unit == "s"):
            return f"{amount}{unit}"
    milliseconds, microseconds = divmod(span // _MICROSECOND, 1000)
    return f"{milliseconds}.{microseconds:03d}ms"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["500ms", "5s", "10m", "2h", "1d"]}),
]
"""A timedelta that is read from, and written to JSON as, an amount with its unit."""

"""What a forecast remembers of one series: a few hundred numbers, whatever the series' age. Pure.

Samples are averaged into buckets, 240 to a horizon. The fit is over the buckets since the last reset: a fall (somebody
made room) and a jump begin it anew, because what was before says nothing about what comes. Falls are remembered with
the height from which they fell, half-hour means for the rhythm of the day.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from recoverops.model import Record

BUCKETS = 240
SLOTS_A_DAY = 48
SLOT_S = 86400 // SLOTS_A_DAY
MOST_SLOTS = 8 * SLOTS_A_DAY
MOST_FALLS = 16
REMEMBERED = timedelta(days=8)
"""How long falls and half-hour means count."""
LEAST_STEP = 0.02
"""A fall or jump smaller than this share of what is full is never one: 2 %."""
_SPREADS = 6.0
_LONGEST_GAP = BUCKETS // 12
"""Buckets without a sample after which the fit begins anew."""


class Mean(Record, frozen=True, kw_only=True):
    """The mean of the samples of one span of time, which begins at `number` times its length after the epoch."""

    number: int
    total: float
    count: int

    @property
    def value(self) -> float:
        return self.total / self.count

    def plus(self, value: float) -> Mean:
        return Mean(number=self.number, total=self.total + value, count=self.count + 1)


class Fall(Record, frozen=True, kw_only=True):
    """Room was made: by a person, a rotation of logs, a garbage collector."""

    at: float
    height: float
    rise_s: float
    """how long it had grown before"""


class ForecastState(Record, frozen=True, kw_only=True):
    """Everything, as a record: `to_json` and `from_json` keep it over a restart."""

    last_at: float
    open: Mean
    began_at: float
    """the first sample after the last reset"""
    buckets: tuple[tuple[int, float], ...] = ()
    """closed since the last reset: number and mean, the newest last"""
    height: float | None = None
    """the highest of them"""
    limit: float = 0.0
    """how far below that a sample has to be to be a fall, or how far ahead of the others a mean to be a jump"""
    low: int = 0
    """samples in a row that were so low that they may be a fall"""
    falls: tuple[Fall, ...] = ()
    slot: Mean
    slots: tuple[tuple[int, float], ...] = ()
    """half-hour means of days gone by"""
    status: str = ""
    """of the condition: empty while nothing has been said yet"""
    since: float = 0.0
    told: str = ""
    agreeing: int = 0
    """forecasts in a row that said something else than the status"""


def bucket_s(horizon: timedelta) -> float:
    return horizon.total_seconds() / BUCKETS


def begun(at: float, value: float, *, width_s: float) -> ForecastState:
    return ForecastState(
        last_at=at,
        open=Mean(number=int(at // width_s), total=value, count=1),
        began_at=at,
        slot=Mean(number=int(at // SLOT_S), total=value, count=1),
    )


def added(
    state: ForecastState, at: float, value: float, *, width_s: float, full_at: float
) -> tuple[ForecastState, bool]:
    """The state with one more sample, which is later than all before; and whether a bucket was closed or reset."""
    state = _slotted(state, at, value)
    if at - state.last_at > _LONGEST_GAP * max(width_s, 1.0):
        return _reset(state, at, value, width_s=width_s), True
    if state.height is not None and value < state.height - state.limit:
        return _lower(state, at, value, width_s=width_s)
    state = msgspec.structs.replace(state, last_at=at, low=0)
    number = int(at // width_s)
    if number == state.open.number:
        return msgspec.structs.replace(state, open=state.open.plus(value)), False
    return _closed(state, at, value, number, width_s=width_s, full_at=full_at), True


def _closed(
    state: ForecastState, at: float, value: float, number: int, *, width_s: float, full_at: float
) -> ForecastState:
    mean = state.open.value
    if state.buckets and mean > _expected(state.buckets, state.open.number) + state.limit:
        state = msgspec.structs.replace(state, buckets=(), began_at=state.open.number * width_s)
    buckets = (*state.buckets, (state.open.number, mean))[-BUCKETS:]
    return msgspec.structs.replace(
        state,
        buckets=buckets,
        height=max(mean for _, mean in buckets),
        limit=step_limit(buckets, full_at=full_at),
        open=Mean(number=number, total=value, count=1),
    )


def _expected(buckets: Sequence[tuple[int, float]], number: int) -> float:
    """Where the growth so far would be now: a jump is what is beyond that."""
    (first, low), (last, high) = buckets[0], buckets[-1]
    slope = (high - low) / (last - first) if last > first else 0.0
    return high + max(0.0, slope) * (number - last)


def _lower(state: ForecastState, at: float, value: float, *, width_s: float) -> tuple[ForecastState, bool]:
    """Two samples in a row make a fall; one may be a mistake of the measurement, and is left out."""
    if state.low == 0:
        return msgspec.structs.replace(state, last_at=at, low=1), False
    assert state.height is not None, "a fall is measured from a height"
    fall = Fall(at=at, height=state.height, rise_s=at - state.began_at)
    kept = [one for one in state.falls if at - one.at <= REMEMBERED.total_seconds()]
    after = _reset(state, at, value, width_s=width_s)
    return msgspec.structs.replace(after, falls=(*kept, fall)[-MOST_FALLS:]), True


def _reset(state: ForecastState, at: float, value: float, *, width_s: float) -> ForecastState:
    return msgspec.structs.replace(
        state,
        last_at=at,
        low=0,
        began_at=at,
        buckets=(),
        height=None,
        open=Mean(number=int(at // width_s), total=value, count=1),
    )


def _slotted(state: ForecastState, at: float, value: float) -> ForecastState:
    number = int(at // SLOT_S)
    if number == state.slot.number:
        return msgspec.structs.replace(state, slot=state.slot.plus(value))
    slots = (*state.slots, (state.slot.number, state.slot.value))[-MOST_SLOTS:]
    return msgspec.structs.replace(state, slots=slots, slot=Mean(number=number, total=value, count=1))


def step_limit(buckets: Sequence[tuple[int, float]], *, full_at: float) -> float:
    """How far a value has to fall or jump to be no part of the usual noise: six spreads of what buckets differ by."""
    least = LEAST_STEP * abs(full_at)
    if len(buckets) < 4:
        return 2.0 * least
    changes = [after[1] - before[1] for before, after in zip(buckets[-60:], buckets[-59:], strict=False)]
    middle = statistics.median(changes)
    spread = 1.4826 * statistics.median([abs(change - middle) for change in changes])
    return max(least, _SPREADS * spread)


def moment(at: datetime) -> float:
    return at.timestamp()

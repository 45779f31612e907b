"""When the level is reached, and between when and when with 90 %. Pure.

The model: a straight line (Theil-Sen, so that a quarter of wild points does no harm) from which the series wanders like
a random walk, seen through noise. Both spreads are read from the variogram of the residuals: neighbours differ by the
noise, distant points by the walk as well. How much the pace itself changes is read from the thirds of the window. The
path ahead is then Student's t, by the independent pieces that the window has, with all of these in its variance; the
interval is where its two 5 % bounds reach the level (Fieller's interval, when nothing wanders).

It says no more than it saw: not further ahead than it has seen growth, and nothing up to the height
from which the series was taken down before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.forecast import rhythm
from recoverops.detection.metrics.forecast.state import LEAST_STEP, SLOT_S, ForecastState, bucket_s

LEAST_BUCKETS = 12
REACH = 1.0
"""How far ahead it looks, in spans of growth that it has seen."""
FARTHEST = 3.0
"""How far the late bound is followed, in horizons."""
RESCUED = 0.9
"""A fall from above this share of what is full was a rescue, not the habit of a series."""
_LEVEL_BUCKETS = 8
_LONGER, _DAY_S = 1.5, 86400.0
_CAUTION = 1.25
"""The real spread is wider than what a window shows of it; by this much, measured (`forecast_coverage`)."""
_T95 = ((1, 6.31), (2, 2.92), (3, 2.35), (4, 2.13), (5, 2.02), (6, 1.94), (8, 1.86), (10, 1.81), (15, 1.75), (30, 1.70))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhaustion:
    """It will be full within the horizon."""

    at: datetime
    earliest: datetime
    latest: datetime | None
    """None: by the late bound not within three horizons"""
    confidence: float
    """that it is full before the end of the horizon, by the model; 0 to 1"""
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotExhausting:
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEnoughData:
    missing: str


Forecast = Exhaustion | NotExhausting | NotEnoughData


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Seconds and the metric's unit."""

    slope: float
    level: float
    slope_variance: float
    level_variance: float
    walk_variance: float
    """a second"""
    pieces: float


def forecast(state: ForecastState, *, full_at: float, horizon: timedelta) -> Forecast:
    """`full_at`: the value that is reached from below."""
    width_s, now = bucket_s(horizon), state.last_at
    if len(state.buckets) < LEAST_BUCKETS:
        return NotEnoughData(missing=_missing(len(state.buckets), width_s))
    times = np.array([(number + 0.5) * width_s for number, _ in state.buckets])
    values = np.array([value for _, value in state.buckets])
    wave = rhythm.rhythm_of(state.slots)
    if wave is not None:
        values = values - rhythm.at(wave, times)
    fit = _fitted(times, values, now)
    if fit.slope <= 0:
        return NotExhausting(statement="it does not grow")
    ahead = np.linspace(0.0, FARTHEST * horizon.total_seconds(), 721)
    path = fit.level + fit.slope * ahead
    if wave is not None:
        path = path + rhythm.at(wave, now + ahead)
    spread = np.sqrt(fit.level_variance + fit.walk_variance * ahead + fit.slope_variance * ahead**2)
    t = _CAUTION * _t95(fit.pieces)
    middle, early, late = (_reached(ahead, path + side * t * spread, full_at) for side in (0.0, 1.0, -1.0))
    if middle is None or middle > horizon.total_seconds():
        return NotExhausting(statement=f"at this pace it is not full within {_span(horizon.total_seconds())}")
    seen_s = float(times[-1] - times[0])
    if middle > REACH * seen_s and wave is None:
        return NotEnoughData(missing=f"growth was seen for {_span(seen_s)}, too short to look {_span(middle)} ahead")
    held = _usual_height(state, full_at=full_at)
    if held is not None and float(values[-1]) <= held + LEAST_STEP * full_at:
        return NotExhausting(statement=f"it was taken down from up to {held:g} before, and is not beyond that")
    last = int(np.searchsorted(ahead, horizon.total_seconds()))
    return _exhaustion(now, middle, early or 0.0, late, _chance((path[last] - full_at) / max(spread[last], 1e-12)))


def _missing(buckets: int, width_s: float) -> str:
    return f"{_span((LEAST_BUCKETS - buckets) * width_s)} more of samples since it was last reset"


def _exhaustion(now: float, middle: float, early: float, late: float | None, chance: float) -> Exhaustion:
    until = _span(late) if late is not None else "open"
    return Exhaustion(
        at=_when(now + middle),
        earliest=_when(now + early),
        latest=_when(now + late) if late is not None else None,
        confidence=round(chance, 3),
        statement=f"full in {_span(middle)}, 90 %: {_span(early)} – {until}",
    )


def _fitted(times: NDArray[np.float64], values: NDArray[np.float64], now: float) -> _Fit:
    slope, residuals = _theil_sen(times, values)
    step_s = float(np.median(np.diff(times)))
    count = len(times)
    span = float(times[-1] - times[0])
    noise, walk, pieces = _spreads(residuals, step_s)
    newest = min(_LEVEL_BUCKETS, max(1, count // 4))
    middle_s = now - float(times[-newest:].mean())
    level = float(np.mean((values - slope * times)[-newest:])) + slope * now
    return _Fit(
        slope=slope,
        level=level,
        slope_variance=walk / span + 12.0 * noise / (count * span**2) + _pace_variance(times, values, noise, walk),
        level_variance=noise / newest + walk * middle_s + (slope * step_s) ** 2 / 12.0,
        walk_variance=walk,
        pieces=pieces,
    )


_PARTS, _AHEAD = 3, 3.0
"""Neighbouring thirds resemble each other more than the future does; three is measured (`forecast_coverage`)."""


def _pace_variance(times: NDArray[np.float64], values: NDArray[np.float64], noise: float, walk: float) -> float:
    """By how much the pace differs between thirds of the window, beyond what noise and walk make it differ."""
    parts = zip(np.array_split(times, _PARTS), np.array_split(values, _PARTS), strict=True)
    slopes = [float(np.polyfit(part - part[0], seen, 1)[0]) for part, seen in parts]
    span = float(times[-1] - times[0]) / _PARTS
    explained = 12.0 * noise / (len(times) / _PARTS * span**2) + 1.2 * walk / span
    return _AHEAD * max(0.0, float(np.var(slopes, ddof=1)) - explained)


def _theil_sen(times: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The median slope of all pairs that are at least a quarter of the window apart, and what it leaves."""
    after, before = np.triu_indices(len(times), k=max(1, len(times) // 4))
    slope = float(np.median((values[before] - values[after]) / (times[before] - times[after])))
    left = values - slope * times
    return slope, left - np.median(left)


def _spreads(residuals: NDArray[np.float64], step_s: float) -> tuple[float, float, float]:
    """Variance of the noise, of the walk a second, and how many independent pieces the walk was read from."""
    count = len(residuals)
    near = _variogram(residuals, 1)
    best, pieces = 0.0, float(count - 2)
    lag = 2
    while lag <= count // 3:
        corrected = _variogram(residuals, lag) / (1.0 - lag / count)
        walk = (corrected - near) / ((lag - 1) * step_s)
        is_sure = corrected * (1.0 - math.sqrt(lag / count)) > near
        if walk > best and is_sure:
            best, pieces = walk, max(3.0, count / lag)
        lag *= 2
    noise = max(0.0, near - best * step_s) / 2.0
    return noise, best, pieces


def _variogram(residuals: NDArray[np.float64], lag: int) -> float:
    return float(np.mean((residuals[lag:] - residuals[:-lag]) ** 2))


def _reached(ahead: NDArray[np.float64], path: NDArray[np.float64], full_at: float) -> float | None:
    """When the path first is at the level, linear between its points; None within its length never."""
    over = np.flatnonzero(path >= full_at)
    if not len(over):
        return None
    first = int(over[0])
    if first == 0:
        return 0.0
    below, above = (float(one) for one in path[first - 1 : first + 1])
    before, after = (float(one) for one in ahead[first - 1 : first + 1])
    return before + (full_at - below) / (above - below) * (after - before)


def _usual_height(state: ForecastState, *, full_at: float) -> float | None:
    """The height from which it came down before; None when it never did, or has grown for much longer than ever."""
    rescues = [fall for fall in state.falls if fall.height >= RESCUED * full_at]
    habits = [fall for fall in state.falls if fall.height < RESCUED * full_at]
    counted = habits + (rescues if len(rescues) > 1 else [])
    growing_s = state.last_at - state.began_at
    heights = [fall.height for fall in counted if growing_s <= _LONGER * max(one.rise_s for one in counted)]
    if growing_s <= _DAY_S:
        before = [mean for number, mean in state.slots if (number + 1) * SLOT_S <= state.began_at]
        heights += [mean for mean in before if mean < RESCUED * full_at]
    return max(heights, default=None)


def _t95(pieces: float) -> float:
    degrees = [float(one) for one, _ in _T95]
    return float(
        np.interp(1.0 / max(pieces - 1.0, 1.0), [1.0 / one for one in reversed(degrees)], [t for _, t in _T95][::-1])
    )


def _chance(deviations: float) -> float:
    return 0.5 * (1.0 + math.erf(deviations / math.sqrt(2.0)))


def _when(at: float) -> datetime:
    return datetime.fromtimestamp(at, tz=UTC)


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{max(0, round(seconds))} s"
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"

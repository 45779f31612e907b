"""A robust baseline: how far a value lies from the recent median, in robust standard deviations. Pure.

To be replaced by the streaming detector; until then it finds what no fixed limit fits. Median and MAD over a sliding
window (Hampel's identifier): a value is beyond when |x - median| > z * 1.4826 * MAD. Values judged abnormal stay out
of the window for as long as one window lasts: an incident is not learned at once as normal, yet a lasting change is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from recoverops.model import Record

CONSISTENCY = 1.4826
"""Makes the MAD estimate the standard deviation of normally distributed values."""


class BaselineState(Record, frozen=True, kw_only=True):
    """What is remembered of one series; bounded by the window."""

    window: tuple[float, ...] = ()
    rejected: int = 0
    """Values in a row that were kept out of the window."""


class Judgement(Record, frozen=True, kw_only=True):
    """`distance` is in robust standard deviations; None means not enough data."""

    distance: float | None
    centre: float | None


def step(
    state: BaselineState, value: float, *, size: int, least: int, z: float, floor: float
) -> tuple[BaselineState, Judgement]:
    """Judge `value` against the window before it, then take it in.

    `least` values are needed before anything is said. `floor` is the smallest deviation that counts, in the metric's
    unit: without it a constant series would find every ripple infinitely far.
    """
    if math.isnan(value):
        return state, Judgement(distance=None, centre=None)
    judgement = _judge(state.window, value, least=least, floor=floor)
    is_far = judgement.distance is not None and abs(judgement.distance) > z
    if is_far and state.rejected < size:
        return BaselineState(window=state.window, rejected=state.rejected + 1), judgement
    return BaselineState(window=(*state.window[-(size - 1) :], value), rejected=0), judgement


def _judge(window: Sequence[float], value: float, *, least: int, floor: float) -> Judgement:
    if len(window) < least:
        return Judgement(distance=None, centre=None)
    centre = median(window)
    spread = CONSISTENCY * median(abs(one - centre) for one in window)
    return Judgement(distance=(value - centre) / max(spread, floor), centre=centre)

"""Settings as the few numbers that the kernel takes. Pure; called once a detector."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming.alarms import (
    EPISODE,
    LOWEST_LEVEL,
    PACE,
    SINKING,
    SLOW_PACE,
    START_LEVEL,
    STEP,
    YOUTH,
)
from recoverops.detection.metrics.streaming.kernel import FLAT, LANE_KNOBS, WARM_UP, WITNESSES
from recoverops.detection.metrics.streaming.lanes import LANES
from recoverops.detection.metrics.streaming.settings import Component, StreamSettings

_LANE_ORDER = (
    Component.SPIKE,
    Component.SHIFT,
    Component.DRIFT,
    Component.VARIANCE,
    Component.SEASON,
    Component.PATTERN,
)
_WEEK_S = 604_800.0
_LEVEL_OF_ONE_A_WEEK = 3.3
_LEVEL_PER_FACTOR_E = 0.4
_PACE = 0.2
"""Points that come more often resemble their neighbours more: half of what their number alone would cost."""
_YOUTH = 60.0
_LOWEST_LEVEL = 1.6
"""Below this everything is unusual.

Chosen together, once, so that over all kinds of unlabelled series what is measured meets the budget; between 2.7 and
3.6 the first hardly matters to what is found. See docs/benchmarks-detection.md."""


def knobs_of(settings: StreamSettings) -> NDArray[np.float32]:
    knobs = np.zeros(LANE_KNOBS + LANES, dtype=np.float32)
    knobs[WARM_UP] = settings.warm_up_points
    knobs[EPISODE] = settings.episode_points
    knobs[SINKING] = STEP * settings.false_alarms_per_week / _WEEK_S
    start = _LEVEL_OF_ONE_A_WEEK - _LEVEL_PER_FACTOR_E * math.log(settings.false_alarms_per_week)
    knobs[START_LEVEL] = max(start, _LOWEST_LEVEL)
    knobs[PACE] = _PACE
    knobs[SLOW_PACE] = _LEVEL_PER_FACTOR_E
    knobs[LOWEST_LEVEL] = _LOWEST_LEVEL
    knobs[YOUTH] = _YOUTH
    knobs[WITNESSES] = len(settings.components & frozenset(_LANE_ORDER))
    knobs[FLAT] = Component.FLAT_LINE in settings.components
    for lane, component in enumerate(_LANE_ORDER):
        knobs[LANE_KNOBS + lane] = component in settings.components
    return knobs

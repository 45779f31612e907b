"""Settings as the few numbers that the kernel takes. Pure; called once a detector."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming.alarms import DEEPEST, EPISODE, PACE, SINKING, STEP, YOUTH
from recoverops.detection.metrics.streaming.kernel import FLAT_FROM, LANE_KNOBS, START_LEVEL, WARM_UP
from recoverops.detection.metrics.streaming.lanes import LANES
from recoverops.detection.metrics.streaming.settings import Component, StreamSettings

_LANE_ORDER = (
    Component.SPIKE,
    Component.SHIFT,
    Component.DRIFT,
    Component.VARIANCE,
    Component.SEASON,
    Component.PATTERN,
    Component.RANGE,
)
_WEEK_S = 604_800.0
_LEVEL_OF_ONE_A_WEEK = 3.4
_LEVEL_PER_FACTOR_E = 0.25
_SPEED = 1.0
_PACE = 0.3
_YOUTH = 30.0
"""Level and speed were chosen together on labelled series, so that what is measured meets the budget; see
docs/benchmarks-detection.md. The speed is above 1 because the level never sinks below its start."""


def knobs_of(settings: StreamSettings) -> NDArray[np.float32]:
    knobs = np.zeros(LANE_KNOBS + LANES, dtype=np.float32)
    knobs[WARM_UP] = settings.warm_up_points
    knobs[EPISODE] = settings.episode_points
    knobs[SINKING] = STEP * _SPEED * settings.false_alarms_per_week / _WEEK_S
    knobs[DEEPEST] = 0.0
    knobs[START_LEVEL] = max(_LEVEL_OF_ONE_A_WEEK - _LEVEL_PER_FACTOR_E * math.log(settings.false_alarms_per_week), 1.6)
    knobs[PACE] = _PACE
    knobs[YOUTH] = _YOUTH
    knobs[FLAT_FROM] = Component.FLAT_LINE in settings.components
    for lane, component in enumerate(_LANE_ORDER):
        knobs[LANE_KNOBS + lane] = component in settings.components
    return knobs

"""The compiled heart of the streaming detector: one pass over a batch, one row of state a series.

`StreamDetector` calls `step_rows`; nothing else should. It takes no lock, holds no GIL, reads no clock, and changes
nothing but the rows and the answers. A point costs about the same whatever came before it, so batches of any size
give one result.

Each lane is one way to be abnormal: a statistic divided by its own usual size (`lanes.py`). A lane's tail gives a
surprise, -ln p, that is comparable between lanes (`tails.py`). The raw score is the root mean square of the
surprises; what makes an alarm of it stands in `alarms.py`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming.alarms import abnormality, account, level, may_alarm
from recoverops.detection.metrics.streaming.compiled import (
    BOOL,
    BYTE_ROWS,
    FLOAT_ROWS,
    FLOATS,
    INT,
    READ_FLOATS,
    READ_NUMBERS,
    READ_REALS,
    REAL,
    SMALL,
    VOID,
    Number,
    compiled,
)
from recoverops.detection.metrics.streaming.lanes import LANES, PATTERN, follow
from recoverops.detection.metrics.streaming.layout import (
    ALARMS,
    DEBT,
    FLOATS_PER_SERIES,
    LAST_AT,
    LAST_RAW,
    LAST_VALUE,
    LONGEST_RUN,
    ORIGIN,
    PATTERN_SURPRISE,
    POINTS,
    PROFILE,
    PROFILE_BINS,
    RISES,
    RUN,
    SINCE_ALARM,
    TAIL_SCALE,
    WATCHED,
)
from recoverops.detection.metrics.streaming.scores import Reason
from recoverops.detection.metrics.streaming.tails import PRIOR_SCALE, RAW_TAIL, TAILS, raw_share, weigh

WARM_UP, START_LEVEL, FLAT_FROM, LANE_KNOBS = 0, 4, 7, 8
"""Places in `knobs`; the others belong to `alarms.py`; from 8 on 1 or 0 a lane."""

_NEVER_AN_ALARM = 1.5
"""Below this no level lies, so it need not be computed."""

_NOT_ENOUGH, _NORMAL, _FLAT = int(Reason.NOT_ENOUGH_DATA), int(Reason.NORMAL), int(Reason.FLAT_LINE)
_LATE, _DUPLICATE, _NO_VALUE = int(Reason.LATE), int(Reason.DUPLICATE), int(Reason.NO_VALUE)
_LANE_REASONS = np.array(
    [
        Reason.SPIKE,
        Reason.LEVEL_SHIFT,
        Reason.DRIFT,
        Reason.VARIANCE_SHIFT,
        Reason.OUT_OF_SEASON,
        Reason.RARE_PATTERN,
        Reason.OUT_OF_RANGE,
    ],
    dtype=np.int8,
)
_COUNTER_AFTER = 64.0
"""So many rises without one fall, and the series is taken for a counter."""
_FLAT_POINTS = 30.0


@compiled(VOID(FLOATS))
def _begin(row: NDArray[np.float32]) -> None:
    """Forgets everything about the values; what was spent of the budget stays."""
    debt, since, alarms, watched = row[DEBT], row[SINCE_ALARM], row[ALARMS], row[WATCHED]
    row[POINTS:FLOATS_PER_SERIES] = np.float32(0.0)
    row[DEBT], row[SINCE_ALARM], row[ALARMS], row[WATCHED] = debt, since, alarms, watched
    for j in range(TAILS):
        row[TAIL_SCALE + j] = PRIOR_SCALE
    for j in range(PROFILE_BINS):
        row[PROFILE + j] = math.nan


@compiled(REAL(FLOATS, REAL, REAL, REAL))
def _read_counter(row: NDArray[np.float32], value: Number, before: Number, elapsed: Number) -> Number:
    """What is looked at: the value, or a counter's rise per second. NaN: it has just changed its nature.

    A fall to less than half of a counter is a restart of whatever counts: it counts from 0, and nothing is wrong. A
    smaller fall says that it was no counter.
    """
    if row[RISES] < 0.0:
        if value >= before:
            return (value - before) / elapsed
        if 0.0 <= value < before / 2.0:
            return value / elapsed
        _begin(row)
        return math.nan
    if value < before:
        row[RISES] = 0.0
    elif value > before:
        row[RISES] += 1.0
        if row[RISES] >= _COUNTER_AFTER:
            _begin(row)
            row[RISES] = -1.0
            return math.nan
    return value


@compiled(REAL(FLOATS, BOOL))
def _flatness(row: NDArray[np.float32], is_same: bool) -> Number:
    """How much longer than ever it has not moved, 1 = remarkable; 0 for a series that often stands still."""
    if not is_same:
        row[LONGEST_RUN] = max(row[RUN], row[LONGEST_RUN] * 0.9998)
        row[RUN] = 0.0
        return 0.0
    row[RUN] += 1.0
    if row[POINTS] - row[RUN] < _FLAT_POINTS:
        return 0.0
    return float(row[RUN] / max(_FLAT_POINTS, 4.0 * row[LONGEST_RUN]))


@compiled(INT(FLOATS, READ_FLOATS, FLOATS, FLOATS, BOOL))
def _combine(
    row: NDArray[np.float32],
    knobs: NDArray[np.float32],
    surprises: NDArray[np.float32],
    raw: NDArray[np.float32],
    is_new_letter: bool,
) -> int:
    """The raw score, the root mean square of the surprises, into `raw[0]`; returns the lane that says most."""
    if is_new_letter:
        row[PATTERN_SURPRISE] = surprises[PATTERN]
    else:
        surprises[PATTERN] = row[PATTERN_SURPRISE]  # between two letters the last one stands
    total, count, loudest, most = np.float32(0.0), np.float32(0.0), 0, np.float32(-1.0)
    for lane in range(LANES):
        said = surprises[lane] * knobs[LANE_KNOBS + lane]
        total += said * said
        count += knobs[LANE_KNOBS + lane]
        if said > most:
            loudest, most = lane, said
    raw[0] = math.sqrt(total / max(count, np.float32(1.0)))
    return loudest


@compiled(VOID(BYTE_ROWS, READ_NUMBERS, READ_REALS, READ_REALS, READ_FLOATS, FLOAT_ROWS, SMALL))
def step_rows(
    rows: NDArray[np.uint8],
    series: NDArray[np.int32],
    at: NDArray[np.float64],
    values: NDArray[np.float64],
    knobs: NDArray[np.float32],
    answers: NDArray[np.float32],
    reasons: NDArray[np.int8],
) -> None:
    """Judges and learns point after point; fills `answers`, (3, n) scores, p-values and degrees, and `reasons`."""
    floats, reals = rows.view(np.float32), rows.view(np.float64)
    statistics, surprises = np.empty(TAILS, dtype=np.float32), np.empty(TAILS, dtype=np.float32)
    raw, bits = np.empty(1, dtype=np.float32), statistics.view(np.int32)
    scores, p_values, degrees = answers[0], answers[1], answers[2]
    for i in range(len(series)):
        number, value, now = series[i], values[i], at[i]
        row, real = floats[number], reals[number]
        scores[i] = math.nan
        p_values[i] = math.nan
        degrees[i] = math.nan
        if not (math.isfinite(value) and math.isfinite(now)):
            reasons[i] = _NO_VALUE
            continue
        reasons[i] = _NOT_ENOUGH
        if row[TAIL_SCALE] == 0.0:  # a row of zeros: a new series
            _begin(row)
        elif now <= real[LAST_AT]:
            reasons[i] = _DUPLICATE if now == real[LAST_AT] else _LATE
            continue
        elapsed, is_same = now - real[LAST_AT], value == real[LAST_VALUE]
        is_first = row[POINTS] == 0.0 and row[RISES] >= 0.0
        seen = value if is_first else _read_counter(row, value, real[LAST_VALUE], elapsed)
        real[LAST_AT] = now
        real[LAST_VALUE] = value
        if math.isnan(seen):
            continue
        row[POINTS] += 1.0
        if row[POINTS] == 1.0:
            real[ORIGIN] = seen
            continue
        away = follow(row, rows[number], seen - real[ORIGIN], abs(seen), now, elapsed, statistics)
        is_new_letter = statistics[PATTERN] >= 0.0
        statistics[RAW_TAIL] = row[LAST_RAW] if row[POINTS] > knobs[WARM_UP] else np.float32(-1.0)
        weigh(row, statistics, bits, surprises)
        loudest = _combine(row, knobs, surprises, raw, is_new_letter)
        flatness = _flatness(row, is_same) if knobs[FLAT_FROM] > 0.0 else 0.0
        if flatness >= 1.0:
            raw[0] = max(raw[0], knobs[START_LEVEL] * np.float32(flatness))
        if row[POINTS] < knobs[WARM_UP]:
            continue
        row[LAST_RAW] = raw[0]
        p_values[i] = raw_share(row, raw[0])
        account(row, knobs, elapsed)
        reasons[i] = _NORMAL
        degrees[i] = abnormality(raw[0], away)
        scores[i] = np.float32(0.5) * degrees[i]
        if raw[0] > _NEVER_AN_ALARM and raw[0] >= level(row, knobs):
            reasons[i] = _FLAT if flatness >= 1.0 else _LANE_REASONS[loudest]
            if may_alarm(row, knobs):
                scores[i] += 0.5

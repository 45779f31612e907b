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

from recoverops.detection.metrics.streaming.alarms import START_LEVEL, abnormality, account, level, may_alarm
from recoverops.detection.metrics.streaming.compiled import (
    BOOL,
    FLOAT,
    FLOAT_ROWS,
    FLOATS,
    INT,
    READ_FLOATS,
    READ_NUMBERS,
    READ_REALS,
    REAL,
    REALS,
    ROW_VIEWS,
    SMALL,
    VOID,
    Number,
    compiled,
)
from recoverops.detection.metrics.streaming.lanes import LANES, PATTERN, SEASON, follow, hour_of
from recoverops.detection.metrics.streaming.layout import (
    ALARMS,
    DEBT,
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

WARM_UP, FLAT, WITNESSES, LANE_KNOBS = 0, 6, 7, 10
"""Places in `knobs`; the others belong to `alarms.py`; lanes that are on; from 10 on 1 or 0 a lane."""

_MOST_BELOW_START = 1.7
"""No level lies further below the one at the start, so it need not be computed."""

_NOT_ENOUGH, _NORMAL, _FLAT = int(Reason.NOT_ENOUGH_DATA), int(Reason.NORMAL), int(Reason.FLAT_LINE)
_OUT_OF_RANGE = int(Reason.OUT_OF_RANGE)
_LATE, _DUPLICATE, _NO_VALUE = int(Reason.LATE), int(Reason.DUPLICATE), int(Reason.NO_VALUE)
_LANE_REASONS = np.array(
    [
        Reason.SPIKE,
        Reason.LEVEL_SHIFT,
        Reason.DRIFT,
        Reason.VARIANCE_SHIFT,
        Reason.OUT_OF_SEASON,
        Reason.RARE_PATTERN,
    ],
    dtype=np.int8,
)
_COUNTER_AFTER = 64.0
"""So many rises without one fall, and the series is taken for a counter."""
WORK = 2 * TAILS + 5
"""Numbers that a step needs besides the rows: statistics, surprises, two raw scores, three answers."""
_LARGEST = 1e30
"""Float32 ends at 3e38; what is larger is no measurement."""
_FLAT_POINTS = 30.0
_STILL_AWAY, _REMEMBERED = 12.0, 1000.0
"""After an alarm a point belongs to it while it and its neighbours lie six usual distances from the slow mean."""
_UNSUPPORTED = 1.5


@compiled(VOID(FLOATS))
def _begin(row: NDArray[np.float32]) -> None:
    """Forgets everything about the values; what was spent of the budget stays."""
    row[POINTS : 2 * DEBT] = np.float32(0.0)
    row[2 * WATCHED + 2 : ALARMS] = np.float32(0.0)
    row[LAST_RAW] = 0.0
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
        row[LONGEST_RUN] = max(row[RUN], row[LONGEST_RUN] * np.float32(0.9998))
        row[RUN] = 0.0
        return 0.0
    row[RUN] += 1.0
    if row[POINTS] - row[RUN] < _FLAT_POINTS:
        return 0.0
    return float(row[RUN] / max(_FLAT_POINTS, 4.0 * row[LONGEST_RUN]))


@compiled(VOID(FLOATS, READ_FLOATS, FLOATS, FLOATS, BOOL, BOOL))
def _combine(
    row: NDArray[np.float32],
    knobs: NDArray[np.float32],
    surprises: NDArray[np.float32],
    raw: NDArray[np.float32],
    is_new_letter: bool,
    is_seasonal: bool,
) -> None:
    """Root mean square of the surprises into `raw`, corroborated and plain. Without a season there is one less."""
    if is_new_letter:
        row[PATTERN_SURPRISE] = surprises[PATTERN]
    else:
        surprises[PATTERN] = row[PATTERN_SURPRISE]  # between two letters the last one stands
    total, most, second = np.float32(0.0), np.float32(-1.0), np.float32(-1.0)
    for lane in range(LANES):
        said = surprises[lane] * knobs[LANE_KNOBS + lane]
        total += said * said
        second = max(second, min(most, said))  # without a branch: nobody can guess which lane says most
        most = max(most, said)
    absent = np.float32(0.0) if is_seasonal else knobs[LANE_KNOBS + SEASON]
    one = np.float32(1.0) / max(knobs[WITNESSES] - absent, np.float32(1.0))
    raw[1] = math.sqrt(total * one)
    if one < np.float32(1.0):  # one witness alone counts no more than half as much again as the next
        heard = min(most, np.float32(_UNSUPPORTED) * second)
        total += heard * heard - most * most
    raw[0] = math.sqrt(max(total, np.float32(0.0)) * one)


@compiled(INT(FLOATS, READ_FLOATS))
def _loudest(surprises: NDArray[np.float32], knobs: NDArray[np.float32]) -> int:
    """The lane that says most."""
    loudest, most = 0, np.float32(-1.0)
    for lane in range(LANES):
        said = surprises[lane] * knobs[LANE_KNOBS + lane]
        if said > most:
            loudest, most = lane, said
    return loudest


@compiled(INT(FLOATS, REALS, READ_FLOATS, FLOATS, FLOATS, FLOAT, FLOAT, FLOATS))
def _judge(
    row: NDArray[np.float32],
    real: NDArray[np.float64],
    knobs: NDArray[np.float32],
    raw: NDArray[np.float32],
    surprises: NDArray[np.float32],
    away: Number,
    flatness: Number,
    answer: NDArray[np.float32],
) -> int:
    """Score, p-value and degree into `answer`; returns the reason."""
    row[LAST_RAW] = raw[0]
    degree = abnormality(raw[1], away)
    answer[0], answer[1], answer[2] = np.float32(0.5) * degree, raw_share(row, raw[0]), degree
    if raw[0] > knobs[START_LEVEL] - np.float32(_MOST_BELOW_START) and raw[0] >= level(
        row, knobs, real[DEBT], np.float32(1.0)
    ):
        is_told = flatness >= 1.0 and row[ALARMS] > 0.0 and row[SINCE_ALARM] < row[RUN]  # it still stands still
        if not is_told and may_alarm(row, real, knobs, raw[0]):
            answer[0] += np.float32(0.5)
        return _FLAT if flatness >= 1.0 else int(_LANE_REASONS[_loudest(surprises, knobs)])
    if away >= _STILL_AWAY and row[ALARMS] > 0.0 and row[SINCE_ALARM] < _REMEMBERED:
        return _OUT_OF_RANGE  # the tails have learned the incident, which has not ended
    return _NORMAL


@compiled(VOID(ROW_VIEWS, READ_NUMBERS, READ_REALS, READ_REALS, READ_FLOATS, FLOATS, FLOAT_ROWS, SMALL))
def step_rows(
    views: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float64]],
    series: NDArray[np.int32],
    at: NDArray[np.float64],
    values: NDArray[np.float64],
    knobs: NDArray[np.float32],
    work: NDArray[np.float32],
    answers: NDArray[np.float32],
    reasons: NDArray[np.int8],
) -> None:
    """Judges and learns point after point; fills `answers`, (3, n) scores, p-values and degrees, and `reasons`.

    `views` are of the same rows; `work` is room for `WORK` numbers.
    """
    rows, floats, reals = views
    statistics, surprises = work[:TAILS], work[TAILS : 2 * TAILS]
    raw, answer = work[2 * TAILS : 2 * TAILS + 2], work[2 * TAILS + 2 : WORK]
    statistics[LANES:RAW_TAIL] = np.float32(-1.0)  # places without a lane
    hour_at, hour = np.float64(math.nan), 0
    for i in range(len(series)):
        number, value, now = np.uint64(series[i]), values[i], at[i]
        row, real = floats[number], reals[number]
        answers[0, i] = answers[1, i] = answers[2, i] = np.float32(math.nan)
        if not (abs(value) <= _LARGEST and math.isfinite(now)):
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
        if now != hour_at:  # the points of one scrape have one time
            hour_at, hour = now, hour_of(now)
        away = follow(row, rows[number], seen - real[ORIGIN], abs(seen), hour, elapsed, statistics)
        is_new_letter = statistics[PATTERN] >= 0.0
        statistics[RAW_TAIL] = row[LAST_RAW] if row[POINTS] > knobs[WARM_UP] else np.float32(-1.0)
        weigh(row, statistics, surprises)
        _combine(row, knobs, surprises, raw, is_new_letter, statistics[SEASON] >= 0.0)
        flatness = _flatness(row, is_same) if knobs[FLAT] > 0.0 else 0.0
        if flatness >= 1.0:
            raw[0] = max(raw[0], knobs[START_LEVEL] * np.float32(flatness))
        if row[POINTS] < knobs[WARM_UP]:
            continue
        account(row, real, knobs, elapsed)
        reasons[i] = _judge(row, real, knobs, raw, surprises, away, flatness, answer)
        answers[0, i], answers[1, i], answers[2, i] = answer[0], answer[1], answer[2]

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

from recoverops.detection.metrics.streaming.alarms import START_LEVEL, account, least_level, level, may_alarm
from recoverops.detection.metrics.streaming.answers import (
    ALARM,
    AWAY,
    CHUNK,
    DEGREE,
    FACTS,
    P_VALUE,
    RAW,
    SCALE,
    SCORE,
    SQUARES,
    START,
    tell,
)
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
    THREE_FLOATS,
    TWO_FLOATS,
    UNSIGNED,
    VOID,
    Number,
    compiled,
)
from recoverops.detection.metrics.streaming.lanes import DISTANCES, LANES, PATTERN, SEASON, follow, hour_of
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
    TAIL_START,
)
from recoverops.detection.metrics.streaming.scores import Reason
from recoverops.detection.metrics.streaming.tails import PRIOR_SCALE, RAW_TAIL, TAILS, weigh

WARM_UP, FLAT, WITNESSES, LANE_KNOBS = 0, 6, 7, 10
"""Places in `knobs`; the others belong to `alarms.py`; lanes that are on; from 10 on 1 or 0 a lane."""

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
ROOM = FACTS + 2 * TAILS + 2 * DISTANCES
"""Numbers that a step needs besides the rows: facts of a chunk, statistics, surprises, distances, their multiples."""
_LARGEST = 1e30
"""Float32 ends at 3e38; what is larger is no measurement."""
_FLAT_POINTS = 30.0
_STILL_AWAY, _REMEMBERED = 12.0, 1000.0
"""After an alarm a point belongs to it while it and its neighbours lie six usual distances from the slow mean."""
_UNSUPPORTED = 1.5


@compiled(VOID(FLOATS))
def _begin(row: NDArray[np.float32]) -> None:
    """Forgets everything about the values; what was spent of the budget stays."""
    row[POINTS:] = np.float32(0.0)
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


@compiled(THREE_FLOATS(FLOATS))
def _strongest(said: NDArray[np.float32]) -> tuple[Number, Number, Number]:
    """Sum of the squares, the largest, and the second largest: pair by pair, for nobody can guess which lane it is."""
    a, b, c, d, e, f = said[0], said[1], said[2], said[3], said[4], said[5]
    total = (a * a + b * b) + (c * c + d * d) + (e * e + f * f)
    high_1, low_1, high_2, low_2 = max(a, b), min(a, b), max(c, d), min(c, d)
    low_3, high_4, low_4 = max(low_1, low_2), max(e, f), min(e, f)
    high_3, low_3 = max(high_1, high_2), max(min(high_1, high_2), low_3)
    low_5 = max(low_3, low_4)
    return total, max(high_3, high_4), max(min(high_3, high_4), low_5)


@compiled(TWO_FLOATS(FLOATS, READ_FLOATS, FLOATS, FLOATS))
def _combined(
    row: NDArray[np.float32],
    knobs: NDArray[np.float32],
    surprises: NDArray[np.float32],
    statistics: NDArray[np.float32],
) -> tuple[Number, Number]:
    """Root mean square of the corroborated surprises, and mean square of all. Without a season there is one less."""
    if statistics[PATTERN] >= np.float32(0.0):
        row[PATTERN_SURPRISE] = surprises[PATTERN]
    else:
        surprises[PATTERN] = row[PATTERN_SURPRISE]  # between two letters the last one stands
    for lane in range(LANES):
        surprises[lane] *= knobs[LANE_KNOBS + lane]
    total, most, second = _strongest(surprises)
    absent = np.float32(0.0) if statistics[SEASON] >= np.float32(0.0) else knobs[LANE_KNOBS + SEASON]
    one = np.float32(1.0) / max(knobs[WITNESSES] - absent, np.float32(1.0))
    # one witness alone counts no more than half as much again as the next
    heard = min(most, np.float32(_UNSUPPORTED) * second) if one < np.float32(1.0) else most
    corroborated = max(total + heard * heard - most * most, np.float32(0.0))
    return np.float32(math.sqrt(corroborated * one)), total * one


@compiled(INT(FLOATS))
def _loudest(surprises: NDArray[np.float32]) -> int:
    """The lane that says most."""
    loudest = 0
    for lane in range(1, LANES):
        if surprises[lane] > surprises[loudest]:
            loudest = lane
    return loudest


@compiled(INT(FLOATS, REALS, READ_FLOATS, FLOATS, FLOAT, FLOAT, FLOAT, FLOATS))
def _judge(
    row: NDArray[np.float32],
    real: NDArray[np.float64],
    knobs: NDArray[np.float32],
    surprises: NDArray[np.float32],
    raw: Number,
    away: Number,
    flatness: Number,
    facts: NDArray[np.float32],
) -> int:
    """Whether the point is unusual, and an alarm; returns the reason."""
    if raw >= least_level(row, knobs) and raw >= level(row, knobs, real[DEBT], np.float32(1.0)):
        is_told = flatness >= 1.0 and row[ALARMS] > 0.0 and row[SINCE_ALARM] < row[RUN]  # it still stands still
        if not is_told and may_alarm(row, real, knobs, raw):
            facts[ALARM] = 1.0
        return _FLAT if flatness >= 1.0 else int(_LANE_REASONS[_loudest(surprises)])
    if away >= _STILL_AWAY and row[ALARMS] > 0.0 and row[SINCE_ALARM] < _REMEMBERED:
        return _OUT_OF_RANGE  # the tails have learned the incident, which has not ended
    return _NORMAL


@compiled(INT(ROW_VIEWS, UNSIGNED, REAL, REAL, INT, READ_FLOATS, FLOATS, FLOATS))
def _meet(
    views: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float64]],
    number: Number,
    value: Number,
    now: Number,
    hour: int,
    knobs: NDArray[np.float32],
    work: NDArray[np.float32],
    facts: NDArray[np.float32],
) -> int:
    """One point: what is seen of it goes into `facts`; it is learned; returns the reason."""
    rows, floats, reals = views
    letters, row, real = rows[number], floats[number], reals[number]
    if not (abs(value) <= _LARGEST and math.isfinite(now)):
        return _NO_VALUE
    if row[TAIL_SCALE] == 0.0:  # a row of zeros: a new series
        _begin(row)
    elif now <= real[LAST_AT]:
        return _DUPLICATE if now == real[LAST_AT] else _LATE
    elapsed, is_same = now - real[LAST_AT], value == real[LAST_VALUE]
    is_first = row[POINTS] == 0.0 and row[RISES] >= 0.0
    seen = value if is_first else _read_counter(row, value, real[LAST_VALUE], elapsed)
    real[LAST_AT] = now
    real[LAST_VALUE] = value
    if math.isnan(seen):
        return _NOT_ENOUGH
    row[POINTS] += 1.0
    if row[POINTS] == 1.0:
        real[ORIGIN] = seen
        return _NOT_ENOUGH
    statistics, surprises = work[:TAILS], work[TAILS : 2 * TAILS]
    away = follow(row, letters, seen - real[ORIGIN], abs(seen), hour, elapsed, work[2 * TAILS :], statistics)
    statistics[RAW_TAIL] = row[LAST_RAW] if row[POINTS] > knobs[WARM_UP] else np.float32(-1.0)
    weigh(row, statistics, surprises)
    raw, squares = _combined(row, knobs, surprises, statistics)
    flatness = _flatness(row, is_same) if knobs[FLAT] > 0.0 else 0.0
    if flatness >= 1.0:
        raw = max(raw, knobs[START_LEVEL] * np.float32(flatness))
    if row[POINTS] < knobs[WARM_UP]:
        return _NOT_ENOUGH
    account(row, real, knobs, elapsed)
    row[LAST_RAW] = raw
    facts[RAW], facts[SQUARES], facts[AWAY] = raw, squares, away
    facts[START], facts[SCALE] = row[TAIL_START + RAW_TAIL], row[TAIL_SCALE + RAW_TAIL]
    return _judge(row, real, knobs, surprises, raw, away, flatness, facts)


@compiled(VOID(ROW_VIEWS, READ_NUMBERS, READ_REALS, READ_REALS, READ_FLOATS, FLOATS, FLOAT_ROWS, SMALL))
def step_rows(
    views: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float64]],
    series: NDArray[np.int32],
    at: NDArray[np.float64],
    values: NDArray[np.float64],
    knobs: NDArray[np.float32],
    room: NDArray[np.float32],
    answers: NDArray[np.float32],
    reasons: NDArray[np.int8],
) -> None:
    """Judges and learns point after point; fills `answers`, (3, n) scores, p-values and degrees, and `reasons`.

    `views` are of the same rows; `room` is for `ROOM` numbers.
    """
    facts, work = room[:FACTS], room[FACTS:]
    work[LANES:RAW_TAIL] = np.float32(-1.0)  # statistics without a lane
    hour_at, hour = np.float64(math.nan), 0
    for begin in range(0, len(series), CHUNK):
        count = min(CHUNK, len(series) - begin)
        facts[RAW : RAW + CHUNK] = facts[SQUARES : SQUARES + CHUNK] = np.float32(math.nan)
        facts[ALARM : ALARM + CHUNK] = np.float32(0.0)
        for j in range(count):
            number, now = np.uint64(series[begin + j]), at[begin + j]
            if now != hour_at and math.isfinite(now):  # the points of one scrape have one time
                hour_at, hour = now, hour_of(now)
            reasons[begin + j] = _meet(views, number, values[begin + j], now, hour, knobs, work, facts[j:])
        tell(facts)
        for j in range(count):
            answers[0, begin + j] = facts[SCORE + j]
            answers[1, begin + j] = facts[P_VALUE + j]
            answers[2, begin + j] = facts[DEGREE + j]

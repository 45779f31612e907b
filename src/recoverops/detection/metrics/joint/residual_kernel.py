"""The arithmetic of the residual model, compiled: what was expected of a row, and how far every metric is off.

Called by `residual.py` to score and by `residual_fit.py` to learn; both see the same numbers. One row after the other,
each sum in a fixed order, so a batch of any size gives the same bits.

Two views of one row. *Season*: the value that the time of the day and the week, and the slowly followed level, let
expect. *Step*: the value that the row before lets expect. Each view's residuals are made independent of each other by
the symmetric (ZCA) root of the inverse covariance, which keeps every coordinate with its metric (Kessy, Lewin and
Strimmer 2018), squared, and log-compressed so that one wild metric does not drown the rest.

All of it stands in one file: numba keeps compiled code until the file of the *caller* changes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint.compiled import compiled

Floats = NDArray[np.float64]

DAY_S = 86400.0
WEEK_S = 7 * DAY_S
CENTER, SCALE, SEASON_MEAN, STEP_MEAN, STEP_SCALE, SEASON_USUAL, STEP_USUAL = range(7)
"""rows of `vectors`, (7, n_metrics)"""
SEASON_ROOT, SEASON_PRECISION, STEP_ROOT, STEP_PRECISION, LAG = range(5)
"""planes of `matrices`, (5, n_metrics, n_metrics)"""
DAILY, WEEKLY, STEP_S, LEVEL_S, USUAL_S, SMOOTHING, NEEDED, SEASON_BASE, SEASON_SPAN, STEP_BASE, STEP_SPAN = range(11)
"""entries of `numbers`: harmonics of day and week, seconds between rows, time constants of level and of usual evidence,
smoothing, needed share of metrics, then median of each view's evidence and its distance to the 90 % quantile"""
LEVEL, SEASON_NOW, STEP_NOW, SEASON_RECENT, STEP_RECENT, BEFORE, TIME = range(7)
"""rows of the state: the followed level; each view's average of the last rows, and of the last days; the filled row
before, and in the first place of `TIME` its time"""
EVIDENCE, SEASON_EVIDENCE, STEP_EVIDENCE, FIRST_SHARE = range(4)
"""columns of the output; the shares of the metrics follow"""
CLIP = 10.0
"""Residuals count up to this many spreads; beyond it every value is simply very far off."""
LEVEL_CLIP = 2.0
"""The level moves by at most this many spreads a time constant, so an incident is not learned at once."""
GAP_STEPS = 1.5
"""After a longer silence the row before says nothing about this one."""
FORGET_STEPS = 6.0
"""After a longer silence the moving averages start anew."""


@compiled("void(float64, int64, int64, float64[::1])")
def basis_row(at: float, daily: int, weekly: int, out: Floats) -> None:
    """Constant, then sine and cosine of the harmonics of the day and of the week (UTC)."""
    out[0] = 1.0
    day = 2 * math.pi * ((at % DAY_S) / DAY_S)
    week = 2 * math.pi * ((at % WEEK_S) / WEEK_S)
    for harmonic in range(daily):
        out[1 + 2 * harmonic] = math.sin((harmonic + 1) * day)
        out[2 + 2 * harmonic] = math.cos((harmonic + 1) * day)
    first = 1 + 2 * daily
    for harmonic in range(weekly):
        out[first + 2 * harmonic] = math.sin((harmonic + 1) * week)
        out[first + 1 + 2 * harmonic] = math.cos((harmonic + 1) * week)


@compiled("void(float64[::1], float64[:, ::1])")
def fill_expected(residual: Floats, precision: Floats) -> None:
    """Replace NaN by what the other residuals let expect (the conditional mean), in place."""
    gone = np.flatnonzero(np.isnan(residual))
    n = len(gone)
    if n == 0:
        return
    system = np.empty((n, n))
    right = np.empty(n)
    for i in range(n):
        right[i] = 0.0
        for j in range(len(residual)):
            if not math.isnan(residual[j]):
                right[i] -= precision[gone[i], j] * residual[j]
        for j in range(n):
            system[i, j] = precision[gone[i], gone[j]]
    for pivot in range(n):  # positive definite, so no exchange of rows is needed
        for row in range(pivot + 1, n):
            factor = system[row, pivot] / system[pivot, pivot]
            for column in range(pivot, n):
                system[row, column] -= factor * system[pivot, column]
            right[row] -= factor * right[pivot]
    for i in range(n - 1, -1, -1):
        value = right[i]
        for j in range(i + 1, n):
            value -= system[i, j] * residual[gone[j]]
        residual[gone[i]] = value / system[i, i]


@compiled("void(float64[::1], float64[:, ::1], float64[::1])")
def evidence_of(residual: Floats, root: Floats, out: Floats) -> None:
    """log(1 + z²) of each whitened residual, clipped before."""
    for i in range(len(residual)):
        z = 0.0
        for j in range(len(residual)):
            z += root[i, j] * min(max(residual[j], -CLIP), CLIP)
        out[i] = math.log1p(z * z)


@compiled("float64(float64[::1], float64[::1], boolean[::1], float64)")
def smooth(average: Floats, newest: Floats, present: NDArray[np.bool_], weight: float) -> float:
    """Move the averages of the present metrics, in place; their mean. The first value starts an average."""
    total = 0.0
    count = 0
    for i in range(len(average)):
        if present[i]:
            if math.isnan(average[i]):
                average[i] = newest[i]
            else:
                average[i] += weight * (newest[i] - average[i])
            total += average[i]
            count += 1
    return total / count


@compiled("void(float64[::1], float64[::1], float64[::1], boolean[::1], float64)")
def less_recent(newest: Floats, recent: Floats, usual: Floats, present: NDArray[np.bool_], share: float) -> None:
    """Take off `newest` what has become usual over the last days, and let `recent` follow, both in place.

    In logarithms this divides by the recent spread: a metric that stays wilder than in the history is followed.
    """
    for i in range(len(newest)):
        if present[i]:
            found = newest[i]
            newest[i] -= max(recent[i] - usual[i], 0.0)
            recent[i] += share * (found - recent[i])


@compiled("void(float64[::1], float64[::1], boolean[::1], float64, float64[::1])")
def add_shares(average: Floats, usual: Floats, present: NDArray[np.bool_], weight: float, out: Floats) -> None:
    """Add what each present metric has above its usual evidence."""
    for i in range(len(average)):
        if present[i]:
            out[FIRST_SHARE + i] += weight * max(average[i] - usual[i], 0.0)


@compiled("void(float64[::1], boolean[::1])")
def normalise_shares(out: Floats, present: NDArray[np.bool_]) -> None:
    """Make the shares sum to 1; equal shares when no metric is above its usual."""
    total = 0.0
    count = 0
    for i in range(len(present)):
        total += out[FIRST_SHARE + i]
        count += present[i]
    for i in range(len(present)):
        if total > 0.0:
            out[FIRST_SHARE + i] /= total
        elif present[i]:
            out[FIRST_SHARE + i] = 1.0 / count


@compiled("void(float64[::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1])")
def season_residual(
    row: Floats, vectors: Floats, coefficients: Floats, basis: Floats, level: Floats, out: Floats
) -> None:
    """The clipped and scaled row less season and level; NaN where the row has none."""
    for i in range(len(row)):
        scaled = (row[i] - vectors[CENTER, i]) / vectors[SCALE, i]
        expected = level[i]
        for k in range(len(basis)):
            expected += coefficients[i, k] * basis[k]
        out[i] = min(max(scaled, -CLIP), CLIP) - expected if not math.isnan(scaled) else math.nan


@compiled("void(float64[::1], float64[::1], float64[::1], float64)")
def follow_level(level: Floats, residual: Floats, mean: Floats, share: float) -> None:
    """Let the level follow the present residuals, in place, by at most `share` of `LEVEL_CLIP`."""
    for i in range(len(level)):
        if not math.isnan(residual[i]):
            level[i] += share * min(max(residual[i] - mean[i], -LEVEL_CLIP), LEVEL_CLIP)


@compiled(
    "void(float64[::1], float64[::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[::1], float64[::1])"
)
def step_residual(
    filled: Floats, before: Floats, vectors: Floats, matrices: Floats, coefficients: Floats, basis: Floats, out: Floats
) -> None:
    """The filled row less what the row before lets expect, in its own spreads."""
    for i in range(len(filled)):
        expected = 0.0
        for j in range(len(filled)):
            expected += matrices[LAG, i, j] * before[j]
        for k in range(len(basis)):
            expected += coefficients[i, k] * basis[k]
        out[i] = (filled[i] - expected) / vectors[STEP_SCALE, i] - vectors[STEP_MEAN, i]


@compiled(
    "void(float64[::1], float64[:, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, :, ::1], float64[::1],"
    " float64[:, ::1], float64[:, ::1])"
)
def score_rows(
    times: Floats,
    values: Floats,
    vectors: Floats,
    matrices: Floats,
    seasonal: Floats,
    numbers: Floats,
    state: Floats,
    out: Floats,
) -> None:
    """Score the rows; moves `state`, (7, n_metrics), in place and fills `out`, NaN where a row is not scored.

    `seasonal`: (2, n_metrics, n_basis), coefficients of the season and of the step view.
    """
    n_metrics = values.shape[1]
    basis = np.empty(seasonal.shape[2])
    residual, filled = np.empty(n_metrics), np.empty(n_metrics)
    newest, off = np.empty(n_metrics), np.empty(n_metrics)
    for row in range(len(times)):
        out[row, :] = math.nan
        since = times[row] - state[TIME, 0]
        if since <= 0:
            continue
        present = ~np.isnan(values[row])
        if present.sum() < numbers[NEEDED] * n_metrics:
            continue
        state[TIME, 0] = times[row]
        if since > FORGET_STEPS * numbers[STEP_S]:
            state[SEASON_NOW : STEP_NOW + 1, :] = math.nan
        basis_row(times[row], int(numbers[DAILY]), int(numbers[WEEKLY]), basis)
        season_residual(values[row], vectors, seasonal[0], basis, state[LEVEL], residual)
        off[:] = residual - vectors[SEASON_MEAN]
        fill_expected(off, matrices[SEASON_PRECISION])
        for i in range(n_metrics):
            filled[i] = state[LEVEL, i] + off[i] + vectors[SEASON_MEAN, i]
            for k in range(len(basis)):
                filled[i] += seasonal[0, i, k] * basis[k]
        elapsed_s = min(since, numbers[STEP_S]) if not math.isnan(since) else numbers[STEP_S]
        follow_level(state[LEVEL], residual, vectors[SEASON_MEAN], min(elapsed_s / numbers[LEVEL_S], 1.0))
        recent_share = min(elapsed_s / numbers[USUAL_S], 1.0)
        evidence_of(off, matrices[SEASON_ROOT], newest)
        less_recent(newest, state[SEASON_RECENT], vectors[SEASON_USUAL], present, recent_share)
        season = smooth(state[SEASON_NOW], newest, present, numbers[SMOOTHING])
        out[row, FIRST_SHARE:] = 0.0
        add_shares(state[SEASON_NOW], vectors[SEASON_USUAL], present, 1.0 / numbers[SEASON_SPAN], out[row])
        out[row, SEASON_EVIDENCE] = season
        of_season = (season - numbers[SEASON_BASE]) / numbers[SEASON_SPAN]
        of_step = of_season
        if since <= GAP_STEPS * numbers[STEP_S]:
            step_residual(filled, state[BEFORE], vectors, matrices, seasonal[1], basis, off)
            for i in range(n_metrics):
                if not present[i]:
                    off[i] = math.nan
            fill_expected(off, matrices[STEP_PRECISION])
            evidence_of(off, matrices[STEP_ROOT], newest)
            less_recent(newest, state[STEP_RECENT], vectors[STEP_USUAL], present, recent_share)
            step = smooth(state[STEP_NOW], newest, present, numbers[SMOOTHING])
            add_shares(state[STEP_NOW], vectors[STEP_USUAL], present, 1.0 / numbers[STEP_SPAN], out[row])
            out[row, STEP_EVIDENCE] = step
            of_step = (step - numbers[STEP_BASE]) / numbers[STEP_SPAN]
        out[row, EVIDENCE] = of_season + of_step
        normalise_shares(out[row], present)
        state[BEFORE] = filled


@compiled("void(float64[::1], int64, int64, float64[:, ::1])")
def basis_rows(times: Floats, daily: int, weekly: int, out: Floats) -> None:
    """Fill `out`, (n, 1 + 2 · daily + 2 · weekly)."""
    for row in range(len(times)):
        basis_row(times[row], daily, weekly, out[row])


@compiled("void(float64[:, ::1], float64)")
def take_off_level(residual: Floats, share: float) -> None:
    """Take the followed level off each row, in place; the level begins at 0."""
    level, mean = np.zeros(residual.shape[1]), np.zeros(residual.shape[1])
    for row in range(len(residual)):
        residual[row] -= level
        follow_level(level, residual[row], mean, share)


@compiled("void(float64[:, ::1], float64)")
def smooth_rows(values: Floats, weight: float) -> None:
    """Replace each row by the moving average of the rows up to it; no value is missing."""
    average = np.full(values.shape[1], math.nan)
    everywhere = np.ones(values.shape[1], dtype=np.bool_)
    for row in range(len(values)):
        smooth(average, values[row], everywhere, weight)
        values[row] = average

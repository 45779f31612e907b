"""How the residual model is learned from history. Pure; called by `residual.py`, needs no library beyond numpy.

History holds incidents too, so spreads are quantiles, and the strangest rows are left out before covariances are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import residual_kernel as kernel
from recoverops.detection.metrics.joint.settings import JointSettings
from recoverops.detection.metrics.joint.table import usual_step_s
from recoverops.model.joint import MetricTable

Floats = NDArray[np.float64]
DAILY_HARMONICS = 5
WEEKLY_HARMONICS = 3
_QUANTILE = 0.03
_RIDGE = 10.0
_SEASON_RIDGE = 1.0
_REWEIGHTINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The arrays of `residual_kernel`, which says what is in them."""

    vectors: Floats
    matrices: Floats
    seasonal: Floats
    numbers: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whitening:
    mean: Floats
    root: Floats
    precision: Floats
    evidence: Floats
    """(n, n_metrics) smoothed, of the history itself"""

    @property
    def base(self) -> float:
        return float(np.median(self.evidence.mean(axis=1)))

    @property
    def span(self) -> float:
        """To the 90 % quantile: farther out, incidents of the history would set it."""
        return max(float(np.quantile(self.evidence.mean(axis=1), 0.9)) - self.base, 1e-6)


def fit(table: MetricTable, settings: JointSettings) -> Fitted:
    """Learn from the table's rows; NaN and gaps are allowed, every metric has some values."""
    step_s = usual_step_s(table.times)
    span_s = float(table.times[-1] - table.times[0])
    daily = DAILY_HARMONICS if span_s >= 2 * kernel.DAY_S and step_s < kernel.DAY_S / (2 * DAILY_HARMONICS) else 0
    weekly = WEEKLY_HARMONICS if span_s >= 2 * kernel.WEEK_S and daily else 0
    basis = basis_of(table.times, daily, weekly)
    center, scale = robust_scale(table.values)
    scaled = np.clip((table.values - center) / scale, -kernel.CLIP, kernel.CLIP)
    season = ridge(basis, scaled, _SEASON_RIDGE)
    level_share = min(step_s / settings.level_follows.total_seconds(), 1.0)
    off = _less_level(scaled - basis @ season, level_share)
    whitened = _whiten(off, settings)
    filled = np.where(np.isnan(scaled), basis @ season, scaled)
    follows = np.diff(table.times) <= kernel.GAP_STEPS * step_s
    before, after = filled[:-1][follows], scaled[1:][follows]
    inputs = np.hstack([before, basis[1:][follows]])
    weights = ridge(inputs, after, _RIDGE)
    moved = after - inputs @ weights
    step_scale = np.maximum(robust_scale(moved)[1], 0.05)
    stepped = _whiten(moved / step_scale, settings)
    n_metrics = len(table.metrics)
    return Fitted(
        vectors=np.ascontiguousarray(
            [
                center,
                scale,
                whitened.mean,
                stepped.mean,
                step_scale,
                np.mean(whitened.evidence, axis=0),
                np.mean(stepped.evidence, axis=0),
            ]
        ),
        matrices=np.ascontiguousarray(
            [whitened.root, whitened.precision, stepped.root, stepped.precision, weights[:n_metrics].T]
        ),
        seasonal=np.ascontiguousarray([season.T, weights[n_metrics:].T]),
        numbers=np.array(
            [
                daily,
                weekly,
                step_s,
                settings.level_follows.total_seconds(),
                settings.spread_follows.total_seconds(),
                settings.smoothing,
                settings.needed_share,
                whitened.base,
                whitened.span,
                stepped.base,
                stepped.span,
            ]
        ),
    )


def basis_of(times: Floats, daily: int, weekly: int) -> Floats:
    """(n, 1 + 2 · daily + 2 · weekly)"""
    basis = np.empty((len(times), 1 + 2 * daily + 2 * weekly))
    kernel.basis_rows(np.array(times, order="C"), daily, weekly, basis)
    return basis


def robust_scale(values: Floats) -> tuple[Floats, Floats]:
    """Median and spread of each column: the 3 % to 97 % range, as a standard deviation of a normal distribution.

    A column that hardly ever moves gets a tenth of its standard deviation; one that never does, a thousandth of its
    value, so that the first move is far off.
    """
    center = np.nanmedian(values, axis=0)
    low, high = np.nanquantile(values, [_QUANTILE, 1 - _QUANTILE], axis=0)
    spread = (high - low) / (2 * NormalDist().inv_cdf(1 - _QUANTILE))
    floor = np.maximum(np.nanstd(values, axis=0) * 0.1, np.abs(center) * 1e-3)
    return center, np.maximum(np.maximum(spread, floor), 1e-6)


def ridge(inputs: Floats, targets: Floats, penalty: float) -> Floats:
    """(n_inputs, n_targets) weights; a row counts for those targets that it has."""
    present = ~np.isnan(targets)
    eye = penalty * np.eye(inputs.shape[1])
    if present.all():
        return np.asarray(np.linalg.solve(inputs.T @ inputs + eye, inputs.T @ targets), dtype=np.float64)
    columns = []
    for column, here in zip(targets.T, present.T, strict=True):
        known = inputs[here]
        columns.append(np.linalg.solve(known.T @ known + eye, known.T @ column[here]))
    return np.column_stack(columns)


def _less_level(residual: Floats, share: float) -> Floats:
    out = np.array(residual, order="C")
    kernel.take_off_level(out, share)
    return out


def _whiten(residual: Floats, settings: JointSettings) -> _Whitening:
    """Mean, symmetric root and inverse of the covariance, of the rows that are left after trimming the strangest."""
    clipped = np.clip(residual, -kernel.CLIP, kernel.CLIP)
    whitening = _whiten_by(clipped, np.ones(len(clipped), dtype=np.bool_), settings)
    for _ in range(_REWEIGHTINGS):
        strangeness = whitening.evidence.mean(axis=1)
        usual = strangeness <= np.quantile(strangeness, 1 - settings.trim)
        whitening = _whiten_by(clipped, usual, settings)
    return whitening


def _whiten_by(clipped: Floats, keep: NDArray[np.bool_], settings: JointSettings) -> _Whitening:
    mean = np.nanmean(clipped[keep], axis=0)
    centered = np.where(np.isnan(clipped), 0.0, clipped - mean)
    covariance = np.cov(centered[keep].T).reshape(clipped.shape[1], -1)
    values, vectors = np.linalg.eigh(covariance + settings.shrinkage * np.eye(len(covariance)))
    root = np.ascontiguousarray((vectors / np.sqrt(values)) @ vectors.T)
    evidence = _smoothed(np.log1p((centered @ root) ** 2), settings.smoothing)
    return _Whitening(mean=mean, root=root, precision=root @ root, evidence=evidence)


def _smoothed(values: Floats, weight: float) -> Floats:
    out = np.array(values, order="C")
    kernel.smooth_rows(out, weight)
    return out

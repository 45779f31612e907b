"""Whether a history can teach a model. Pure; `training` asks before it learns anything."""

from __future__ import annotations

import numpy as np

from recoverops.detection.metrics.joint.refusal import Lack, UntrainableError
from recoverops.detection.metrics.joint.residual_kernel import DAY_S
from recoverops.detection.metrics.joint.settings import JointSettings
from recoverops.model.joint import MetricTable

_FEWEST_HOURS = 12
_NEEDED_OF_A_METRIC = 0.5


def check_history(
    table: MetricTable, parts: tuple[MetricTable, ...], *, settings: JointSettings, abnormal: int
) -> None:
    """Raises `UntrainableError`. `table` has the normal rows, `abnormal` others were labelled so and left out."""
    _enough_points(table, settings, abnormal)
    _enough_of_each_metric(table, parts)
    _something_moves(table)
    _enough_hours(table)


def constant_metrics(table: MetricTable) -> tuple[str, ...]:
    """Metrics that never move. They are watched all the same: their first move is far off."""
    still = np.nanmin(table.values, axis=0) == np.nanmax(table.values, axis=0)
    return tuple(name for name, is_still in zip(table.metrics, still, strict=True) if is_still)


def _enough_points(table: MetricTable, settings: JointSettings, abnormal: int) -> None:
    missing = settings.minimum_points - len(table)
    if missing <= 0:
        return
    if abnormal > len(table):
        raise UntrainableError(
            Lack.ONE_SIDED,
            f"{abnormal} of {abnormal + len(table)} rows are labelled abnormal, {missing} normal rows are missing; "
            "hand in history of normal operation",
        )
    raise UntrainableError(
        Lack.TOO_FEW_POINTS,
        f"the history has {len(table)} normal points with a value, training needs {settings.minimum_points}: "
        f"{missing} are missing; collect more history",
    )


def _enough_of_each_metric(table: MetricTable, parts: tuple[MetricTable, ...]) -> None:
    shares = np.array([(~np.isnan(part.values)).mean(axis=0) for part in parts])
    for name, share in zip(table.metrics, shares.T, strict=True):
        if share.min() >= _NEEDED_OF_A_METRIC:
            continue
        shown = ", ".join(f"{one:.0%}" for one in share)
        lack = Lack.ONE_SIDED if share.max() >= _NEEDED_OF_A_METRIC else Lack.TOO_FEW_POINTS
        raise UntrainableError(
            lack,
            f"metric {name!r} has a value in {shown} of the rows (oldest part to newest), training needs "
            f"{_NEEDED_OF_A_METRIC:.0%} in each; leave the metric out or hand in history that has it",
        )


def _something_moves(table: MetricTable) -> None:
    if len(constant_metrics(table)) == len(table.metrics):
        raise UntrainableError(
            Lack.CONSTANT,
            f"no metric moves in {len(table)} points ({', '.join(table.metrics)}); is the source stuck? hand in "
            "history in which at least one does",
        )


def _enough_hours(table: MetricTable) -> None:
    if table.times[-1] - table.times[0] < DAY_S:
        return
    hours = len(np.unique(np.floor(table.times % DAY_S / 3600)))
    if hours < _FEWEST_HOURS:
        raise UntrainableError(
            Lack.ONE_SIDED,
            f"the points fall into {hours} of the 24 hours of the day, training needs {_FEWEST_HOURS}; hand in history "
            "of whole days",
        )

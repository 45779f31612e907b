"""A trained model of several metrics: a core and its calibration. Implements `ports.JointDetector`.

Made by `training.train`, written with `describe` and read back with `restore`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import forest, residual
from recoverops.detection.metrics.joint.blamed import Blamed, blamed
from recoverops.detection.metrics.joint.calibration import Calibration
from recoverops.detection.metrics.joint.settings import JointSettings
from recoverops.model import MisconfiguredError, PermanentError
from recoverops.model.joint import JointScores, MetricTable
from recoverops.ports import JointCore, JointKind

FORMAT = 1
"""Version of what `describe` writes."""
Kinds = Mapping[str, JointKind]
Learn = Callable[[MetricTable, JointSettings], JointCore]
Restore = Callable[[Mapping[str, Any], Mapping[str, NDArray[Any]]], JointCore]
_CORES: Mapping[str, tuple[Learn, Restore]] = {
    residual.KIND: (residual.learn, residual.restore),
    forest.KIND: (forest.learn, forest.restore),
}
"""The bundled kinds."""
NO_KINDS: Kinds = {}
"""Those of plugins, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointModel:
    """Scores rows; see `ports.JointDetector`."""

    core: JointCore
    calibration: Calibration

    @property
    def kind(self) -> str:
        return self.core.kind

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.core.metrics

    def start(self) -> bytes:
        return self.core.start()

    def step(self, state: bytes, table: MetricTable) -> tuple[bytes, JointScores]:
        after, evidence = self.core.run(state, table)
        return after, JointScores(
            metrics=self.metrics,
            times=table.times,
            status=evidence.status,
            score=self.calibration.scores(evidence.raw),
            p_value=self.calibration.p_values(evidence.raw),
            p_resolution=self.calibration.resolution,
            contributions=evidence.contributions,
            missing=evidence.missing,
        )

    def describe(self) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]:
        description, arrays = self.core.describe()
        scale = {"usual": self.calibration.usual, "threshold": self.calibration.threshold}
        return (
            {"format": FORMAT, "core": dict(description), "calibration": scale},
            {**arrays, "reference": self.calibration.reference},
        )


def learned(kind: str, history: MetricTable, settings: JointSettings, kinds: Kinds = NO_KINDS) -> JointCore:
    """Raises `MisconfiguredError` for a kind that nobody knows, `PermanentError` for a history that teaches none."""
    if kind in _CORES:
        return _CORES[kind][0](history, settings)
    if kind not in kinds:
        raise MisconfiguredError(f"there is no kind of model {kind!r}; use one of {', '.join((*_CORES, *kinds))}")
    with blamed(kind):
        return Blamed(kinds[kind].learn(history))


def restore(
    kind: str, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], kinds: Kinds = NO_KINDS
) -> JointModel:
    """The model that `describe` wrote. Raises `PermanentError` for anything else, or a newer format."""
    if kind not in _CORES and kind not in kinds:
        raise PermanentError(
            f"the model is of the kind {kind!r}, known are {', '.join((*_CORES, *kinds))}; load the plugin that brings "
            "it, or train a new one"
        )
    if description.get("format") != FORMAT:
        raise PermanentError(
            f"the model has format {description.get('format')!r}, this release reads {FORMAT}; train a new one"
        )
    try:
        reference = np.ascontiguousarray(arrays["reference"], dtype=np.float64)
        calibration = Calibration(
            reference=reference,
            usual=float(description["calibration"]["usual"]),
            threshold=float(description["calibration"]["threshold"]),
        )
        if not len(reference) or (np.diff(reference) < 0).any() or calibration.threshold <= calibration.usual:
            raise ValueError("its calibration is out of order")
        return JointModel(core=_restored(kind, description["core"], arrays, kinds), calibration=calibration)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise PermanentError(f"the {kind} model does not fit its format: {error}; train a new one") from error


def _restored(kind: str, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], kinds: Kinds) -> JointCore:
    if kind in _CORES:
        return _CORES[kind][1](description, arrays)
    with blamed(kind):
        return Blamed(kinds[kind].restore(description, arrays))

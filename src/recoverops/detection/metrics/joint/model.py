"""A trained model of several metrics: a core and its calibration. Implements `ports.JointDetector`.

Made by `training.train`, written with `describe` and read back with `restore`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import forest, residual
from recoverops.detection.metrics.joint.calibration import Calibration
from recoverops.detection.metrics.joint.core import Core
from recoverops.model import PermanentError
from recoverops.model.joint import JointScores, MetricTable

FORMAT = 1
"""Version of what `describe` writes."""
CORES = {residual.KIND: residual, forest.KIND: forest}
"""The kinds of models; each module has `learn` and `restore`."""
KINDS: tuple[str, ...] = tuple(CORES)
"""The kinds of models that `train` knows; the first is the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointModel:
    """Scores rows; see `ports.JointDetector`."""

    core: Core
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


def restore(kind: str, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> JointModel:
    """The model that `describe` wrote. Raises `PermanentError` for anything else, or a newer format."""
    if kind not in CORES:
        raise PermanentError(f"the model is of the kind {kind!r}, known are {', '.join(CORES)}; train a new one")
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
        return JointModel(core=CORES[kind].restore(description["core"], arrays), calibration=calibration)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise PermanentError(f"the {kind} model does not fit its format: {error}; train a new one") from error

"""Several metrics of one host or service together: features, models, training, evaluation, drift. Pure.

`train` makes a model from a given history, `pack` and `unpack` carry it to and from a `ports.ModelStore`, its `step`
scores rows. Training needs the extra `ml` for the kind `isolation_forest` only.

Everything but the settings loads numpy and compiled kernels, so it is imported on first use: a command that only reads
the configuration must not wait for a compiler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recoverops.detection.metrics.joint.refusal import Lack, UntrainableError
from recoverops.detection.metrics.joint.settings import KINDS, RESIDUAL, JointSettings

if TYPE_CHECKING:
    from recoverops.detection.metrics.joint.drift import (
        DriftReference,
        DriftReport,
        DriftState,
        DriftVerdict,
        judge,
        nothing_seen,
        observe,
    )
    from recoverops.detection.metrics.joint.engineered import (
        FEATURES,
        INPUTS,
        FeatureStream,
        features,
        missing_features,
    )
    from recoverops.detection.metrics.joint.evaluation import Evaluation, evaluate
    from recoverops.detection.metrics.joint.model import NO_KINDS, JointModel, Kinds
    from recoverops.detection.metrics.joint.package import pack, unpack
    from recoverops.detection.metrics.joint.severity import severity_of
    from recoverops.detection.metrics.joint.table import table_of
    from recoverops.detection.metrics.joint.training import Trained, train

__all__ = [
    "FEATURES",
    "INPUTS",
    "KINDS",
    "NO_KINDS",
    "RESIDUAL",
    "DriftReference",
    "DriftReport",
    "DriftState",
    "DriftVerdict",
    "Evaluation",
    "FeatureStream",
    "JointModel",
    "JointSettings",
    "Kinds",
    "Lack",
    "Trained",
    "UntrainableError",
    "evaluate",
    "features",
    "judge",
    "missing_features",
    "nothing_seen",
    "observe",
    "pack",
    "severity_of",
    "table_of",
    "train",
    "unpack",
]

_FILES = {
    "DriftReference": "drift",
    "DriftReport": "drift",
    "DriftState": "drift",
    "DriftVerdict": "drift",
    "judge": "drift",
    "nothing_seen": "drift",
    "observe": "drift",
    "Evaluation": "evaluation",
    "evaluate": "evaluation",
    "FEATURES": "engineered",
    "FeatureStream": "engineered",
    "INPUTS": "engineered",
    "features": "engineered",
    "missing_features": "engineered",
    "Kinds": "model",
    "NO_KINDS": "model",
    "JointModel": "model",
    "pack": "package",
    "unpack": "package",
    "severity_of": "severity",
    "table_of": "table",
    "Trained": "training",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)

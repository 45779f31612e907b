"""A trained model as the parts that a `ports.ModelStore` keeps, and back. Pure; numbers and JSON only, never code."""

from __future__ import annotations

from typing import Any

import msgspec

from recoverops.detection.metrics.joint import drift
from recoverops.detection.metrics.joint.evaluation import Evaluation
from recoverops.detection.metrics.joint.model import NO_KINDS, Kinds, restore
from recoverops.detection.metrics.joint.training import Trained
from recoverops.model import PermanentError, from_json, to_json
from recoverops.ports import ModelParts


def pack(trained: Trained) -> ModelParts:
    """Everything that `unpack` needs to give the same scores, bit for bit."""
    description, arrays = trained.model.describe()
    watch, watched = drift.describe(trained.reference)
    report: dict[str, Any] = msgspec.json.decode(to_json(trained.evaluation))
    return ModelParts(
        kind=trained.model.kind,
        description={"model": dict(description), "drift": dict(watch), "constant": list(trained.constant)},
        arrays={**arrays, **watched},
        report=report,
    )


def unpack(parts: ModelParts, kinds: Kinds = NO_KINDS) -> Trained:
    """`kinds`: those that plugins brought. Raises `PermanentError` when the parts are not such a model."""
    if not isinstance(parts.description.get("model"), dict) or not isinstance(parts.description.get("drift"), dict):
        raise PermanentError(f"the {parts.kind} model lacks its description; train a new one")
    return Trained(
        model=restore(parts.kind, parts.description["model"], parts.arrays, kinds),
        evaluation=from_json(Evaluation, msgspec.json.encode(dict(parts.report))),
        reference=drift.restore(parts.description["drift"], parts.arrays),
        constant=tuple(str(name) for name in parts.description.get("constant", ())),
    )

"""The process in which a model is trained, so that the engine's loop is not held.

Started by `app/training.py` only, with `python -m`. One `TrainingPaper` comes in on stdin, one `TrainingReport` goes
out on stdout. It opens the folder of models and nothing else.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from recoverops.clock import SystemClock
from recoverops.detection.metrics.joint import JointSettings, UntrainableError
from recoverops.model import MisconfiguredError, Record, RecoverOpsError
from recoverops.model.joint import MetricTable
from recoverops.operations.model_training import Activation, TrainingOrder, TrainingResult, train_and_keep
from recoverops.storage.models import FolderModelStore

_NICE = 10


class TrainingPaper(Record, frozen=True, kw_only=True):
    """Everything that the child needs to know."""

    models: str
    table: str
    """A file of numpy arrays `times` and `values`."""
    metrics: tuple[str, ...]
    name: str
    kind: str
    data: str
    resource: str
    activation: Activation
    settings: dict[str, Any]
    """`detection.joint`; durations as seconds."""


class TrainingReport(Record, frozen=True, kw_only=True):
    """Exactly one of the three."""

    result: TrainingResult | None = None
    refused: str = ""
    """What is missing."""
    failed: str = ""


def trained_from(paper: TrainingPaper) -> TrainingReport:
    with np.load(paper.table, allow_pickle=False) as arrays:
        table = MetricTable(metrics=paper.metrics, times=arrays["times"], values=arrays["values"])
    order = TrainingOrder(
        name=paper.name, kind=paper.kind, data=paper.data, resource=paper.resource, activation=paper.activation
    )
    try:
        settings = JointSettings.model_validate(paper.settings, strict=False)
        result = train_and_keep(
            order, table, FolderModelStore(Path(paper.models)), settings=settings, at=SystemClock().now()
        )
    except (UntrainableError, MisconfiguredError) as error:
        return TrainingReport(refused=str(error))
    except RecoverOpsError as error:
        return TrainingReport(failed=str(error))
    return TrainingReport(result=result)


def main() -> int:
    os.nice(_NICE)
    paper = msgspec.json.decode(sys.stdin.buffer.read(), type=TrainingPaper)
    sys.stdout.buffer.write(msgspec.json.encode(trained_from(paper)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

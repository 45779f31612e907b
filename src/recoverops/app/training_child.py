"""The process in which a model is trained, so that the engine's loop is not held.

Started by `app/training.py` only, with `python -m`. One `TrainingPaper` comes in on stdin, one `TrainingReport` goes
out on stdout; everything else lies in the folder that it names. It knows no store.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from recoverops.clock import SystemClock
from recoverops.detection.metrics.joint import KINDS, NO_KINDS, JointSettings, Kinds, UntrainableError
from recoverops.model import MisconfiguredError, Record, RecoverOpsError
from recoverops.model.joint import MetricTable
from recoverops.operations.model_training import Current, LearningVerdict, TrainingOrder, learn
from recoverops.storage.models import FolderModelStore

_NICE = 10


class TrainingPaper(Record, frozen=True, kw_only=True):
    """Everything that the child needs to know. `folder` is a folder of this training alone."""

    folder: str
    config: str | None
    """Of the engine: read only when a kind of model is not bundled, to load the plugin that brings it."""
    metrics: tuple[str, ...]
    order: TrainingOrder
    current: int | None
    """The number of the version that is current, which `folder` has when it is to be compared with."""
    problem: str
    """Why that version cannot be read."""
    settings: dict[str, Any]
    """`detection.joint`; durations as seconds."""


class TrainingReport(Record, frozen=True, kw_only=True):
    """Exactly one of the three. A model that was learned lies in the folder."""

    verdict: LearningVerdict | None = None
    refused: str = ""
    """What is missing."""
    failed: str = ""


def table_path(folder: Path) -> Path:
    """A file of numpy arrays `times` and `values`."""
    return folder / "table.npz"


def before_in(folder: Path) -> FolderModelStore:
    """What was current, as version 1."""
    return FolderModelStore(folder / "before")


def after_in(folder: Path) -> FolderModelStore:
    """What was learned, as version 1."""
    return FolderModelStore(folder / "after")


def trained_from(paper: TrainingPaper) -> TrainingReport:
    folder = Path(paper.folder)
    with np.load(table_path(folder), allow_pickle=False) as arrays:
        table = MetricTable(metrics=paper.metrics, times=arrays["times"], values=arrays["values"])
    try:
        settings = JointSettings.model_validate(paper.settings, strict=False)
        current = _current(paper, folder)
        learned = learn(paper.order, table, current, settings=settings, kinds=_kinds(paper, current))
        after_in(folder).save(paper.order.name, learned.parts, at=SystemClock().now())
    except (UntrainableError, MisconfiguredError) as error:
        return TrainingReport(refused=str(error))
    except RecoverOpsError as error:
        return TrainingReport(failed=str(error))
    return TrainingReport(verdict=learned.verdict)


def _current(paper: TrainingPaper, folder: Path) -> Current | None:
    if paper.current is None:
        return None
    name = paper.order.name
    found = before_in(folder).load(name, 1) if name in before_in(folder).names() else None
    return Current(number=paper.current, found=found, problem=paper.problem)


def _kinds(paper: TrainingPaper, current: Current | None) -> Kinds:
    named = (paper.order.kind, *((current.found.version.kind,) if current and current.found else ()))
    if all(kind in KINDS for kind in named):
        return NO_KINDS
    from recoverops.app.detectors import model_kinds_for
    from recoverops.app.load import Needs, load_settings, process_environment

    settings = load_settings(Path(paper.config) if paper.config else None, process_environment(), Needs.SETTINGS)
    return model_kinds_for(named, settings)


def main() -> int:
    os.nice(_NICE)
    paper = msgspec.json.decode(sys.stdin.buffer.read(), type=TrainingPaper)
    sys.stdout.buffer.write(msgspec.json.encode(trained_from(paper)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What `GET /anomaly/status` tells: each model with its data, its evaluation and its drift, trainings, and budgets.

Reads only. What is not known is said so; nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from recoverops.detection.metrics.joint.drift import DriftReport
from recoverops.detection.metrics.joint.evaluation import Evaluation
from recoverops.model import Record
from recoverops.operations.model_training import LoadedModel, Origin
from recoverops.ports import ModelStore

if TYPE_CHECKING:
    from recoverops.detection.metrics.streaming import Spending

MOST_SERIES = 200
"""Series whose budget is listed, those with the most alarms first."""


class JobState(StrEnum):
    RUNNING = "running"
    ACTIVATED = "activated"
    """the new version is current"""
    KEPT = "kept"
    """the new version is there and not current; the statement says why"""
    REFUSED = "refused"
    """the history does not teach a model; the statement says what is missing"""
    FAILED = "failed"


class TrainingJob(Record, frozen=True, kw_only=True):
    """One training in this process."""

    id: str
    name: str
    kind: str
    resource: str
    asked_by: str
    state: JobState
    statement: str
    version: int | None = None
    started_at: datetime
    ended_at: datetime | None = None


class VersionView(Record, frozen=True, kw_only=True):
    version: int
    kind: str
    created_at: datetime
    digest: str
    is_current: bool


class ModelView(Record, frozen=True, kw_only=True):
    """One name with its versions."""

    name: str
    version: int | None
    """The version that scores now; None when none does."""
    kind: str | None
    metrics: tuple[str, ...]
    trained_at: datetime | None
    origin: Origin | None
    """Which data it was learned from; None when that was not stored with it."""
    evaluation: Evaluation | None
    """F1, precision and recall where there were labels; its statement says what was measured."""
    drift: DriftReport | None
    versions: tuple[VersionView, ...]
    damaged: tuple[str, ...]
    """One sentence for each version that cannot be used."""


class SeriesBudget(Record, frozen=True, kw_only=True):
    """What one series has spent of its budget of false alarms."""

    series: str
    alarms: int
    """true and false: nobody tells the detector which"""
    weeks: float
    """judged history"""
    allowed: float
    """false alarms that the budget allows for these weeks"""
    level: float
    """the alarm level as a multiple of the one that a new series has"""


class Budget(Record, frozen=True, kw_only=True):
    per_series_and_week: float
    series_judged: int
    alarms: int
    weeks: float
    series: tuple[SeriesBudget, ...]


class TrainingView(Record, frozen=True, kw_only=True):
    minimum_points: int
    retrain_every_s: float
    """0: never by itself"""
    jobs: tuple[TrainingJob, ...]
    """Newest first."""


class AnomalyStatus(Record, frozen=True, kw_only=True):
    models: tuple[ModelView, ...]
    resources_remembered: int
    training: TrainingView
    history: str
    """How the history is doing, in a sentence."""
    is_history_available: bool
    budget: Budget | None
    """None: no series is judged by its own past, or a plugin's detector judges, which keeps none."""
    problem: str = ""
    """Why the models could not be read, the last time that was tried."""


def model_views(
    store: ModelStore, loaded: Mapping[str, LoadedModel], drift: Mapping[str, DriftReport]
) -> tuple[ModelView, ...]:
    """Raises UnreachableError when the store does not answer."""
    return tuple(_view(store, name, loaded.get(name), drift.get(name)) for name in store.names())


def _view(store: ModelStore, name: str, model: LoadedModel | None, drift: DriftReport | None) -> ModelView:
    in_use = model.version.version if model is not None else None
    return ModelView(
        name=name,
        version=in_use,
        kind=model.version.kind if model is not None else None,
        metrics=model.recipe.metrics if model is not None else (),
        trained_at=model.version.created_at if model is not None else None,
        origin=model.origin if model is not None else None,
        evaluation=model.trained.evaluation if model is not None else None,
        drift=drift,
        versions=tuple(
            VersionView(
                version=one.version,
                kind=one.kind,
                created_at=one.created_at,
                digest=one.digest,
                is_current=one.version == in_use,
            )
            for one in store.versions(name)
        ),
        damaged=store.damaged(name),
    )


def budget_of(names: tuple[str, ...], spent: Spending) -> Budget:
    """Sums of all series, and the ones with the most alarms."""
    alarms, weeks, levels = spent.alarms.tolist(), spent.weeks.tolist(), spent.level.tolist()
    series = [
        SeriesBudget(
            series=name,
            alarms=count,
            weeks=round(watched, 4),
            allowed=round(watched * spent.per_week, 4),
            level=round(level, 4),
        )
        for name, count, watched, level in zip(names, alarms, weeks, levels, strict=False)
    ]
    series.sort(key=lambda one: (-one.alarms, one.series))
    return Budget(
        per_series_and_week=spent.per_week,
        series_judged=len(series),
        alarms=sum(alarms),
        weeks=round(sum(weeks), 4),
        series=tuple(series[:MOST_SERIES]),
    )

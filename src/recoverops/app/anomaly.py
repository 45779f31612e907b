"""The thread that keeps the models of several metrics current, and what the doors ask about them.

Every few seconds it looks which version of each model is current, so that a `recoverops train` beside the engine
counts without a restart, and whether one is due to be trained anew. The numeric parts are loaded on this thread: a
start does not wait for them; who asks before is told to come again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from recoverops.api.telemetry import Metrics, Reading
from recoverops.app.history import HistoryWorker
from recoverops.app.kernels import loading_kernels
from recoverops.app.late_baselines import LateBaselines
from recoverops.app.places import models_folder
from recoverops.app.settings import Settings
from recoverops.app.workers import Worker
from recoverops.model import (
    ComponentState,
    OverloadedError,
    PermanentError,
    RecoverOpsError,
    Resource,
    UnreachableError,
)
from recoverops.ports import Clock, ModelStore, ModelVersion, RangeReader
from recoverops.ports.objects import scheme_of

if TYPE_CHECKING:
    from recoverops.app.desk import Audit, Desk
    from recoverops.detection.metrics.joint import Kinds
    from recoverops.operations.anomaly_answers import Answer, Question, TrainingWish
    from recoverops.operations.anomaly_status import AnomalyStatus, TrainingJob
    from recoverops.operations.incident_windows import Stretch
    from recoverops.storage.history.store import ParquetHistory

LOOK_EVERY_S = 5.0
LOOK_AT_OBJECTS_EVERY_S = 60.0
"""Each look at an object store is some calls that are paid for."""


class AnomalyWorker(Worker):
    """`api.doors.AnomalyDoor`."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        *,
        history: HistoryWorker | None,
        audit: Audit,
        incidents: Callable[[Resource], tuple[Stretch, ...]],
    ) -> None:
        """`incidents`: when something was wrong with a resource, as far back as a training looks."""
        super().__init__("models", clock, metrics)
        self._settings = settings
        self._metrics = metrics
        self._history = history
        self._audit = audit
        self._incidents = incidents
        self._changed = threading.Event()
        self._desk: Desk | None = None
        self._was_asked = False
        self._is_on_objects = bool(scheme_of(settings.detection.model_place))
        self._problem = ""
        self.open_models: Callable[[], ModelStore | None] = lambda: None
        """Where they are when that is no folder; the plugins are loaded when it is called."""
        self.kinds: Kinds = {}
        """Kinds of models that plugins brought."""
        self.readers: Mapping[str, RangeReader] = {}
        """Systems that keep history of their own."""
        self.baselines: LateBaselines | None = None
        """None while no metric is judged by its own past."""

    def wake(self) -> None:
        self._changed.set()

    def round(self) -> None:
        self._changed.clear()
        try:
            if self._is_needed():
                desk = self._opened()
                desk.save_sometimes()
                desk.refresh()
                desk.retrain_due(self._read_history)
        finally:
            if not self._stopping.is_set():
                self._changed.wait(LOOK_AT_OBJECTS_EVERY_S if self._is_on_objects else LOOK_EVERY_S)

    def _is_needed(self) -> bool:
        """Models and what scores them take memory, so they are loaded when there are any, or somebody asks."""
        if self._is_on_objects:
            return True
        folder = models_folder(self._settings)
        is_retraining = self._settings.detection.retrain_every > timedelta(0)
        return self._desk is not None or self._was_asked or is_retraining or (folder.is_dir() and any(folder.iterdir()))

    def close(self) -> None:
        if self._desk is not None:
            self._desk.close()

    def score(self, question: Question) -> Answer:
        return self._made.scoring.answer(question)

    def status(self) -> AnomalyStatus:
        told, is_there = self._history_told()
        return self._made.status(history=told, is_history_available=is_there, baselines=self.baselines)

    def train(self, wish: TrainingWish) -> TrainingJob:
        return self._made.train(wish, self._read_history)

    def activate(self, name: str, *, to: int, by: str) -> ModelVersion:
        return self._made.activate(name, to=to, by=by)

    def readings(self) -> Iterable[Reading]:
        """Gauges for /metrics."""
        if self._desk is not None:
            yield "recoverops_anomaly_resources", {}, float(self._desk.scoring.remembered)
            for severity, count in self._desk.scoring.anomalies.items():
                yield "ml_anomalies_detected", {"severity": severity}, float(count)
        spending = self.baselines.spending() if self.baselines is not None else None
        if spending is not None:
            names, spent = spending
            yield "recoverops_detector_series", {}, float(len(names))
            yield "recoverops_detector_alarms", {}, float(spent.alarms.sum())
            yield "recoverops_detector_watched_weeks", {}, float(spent.weeks.sum())
            yield "recoverops_detector_budget_per_week", {}, float(spent.per_week)

    @property
    def _made(self) -> Desk:
        if self._desk is None:
            self._was_asked = True
            self.wake()
            if self._problem:
                raise UnreachableError(self._problem)
            raise OverloadedError("the models are being loaded; ask again in a moment")
        return self._desk

    def _opened(self) -> Desk:
        if self._desk is None:
            place = self._place()
            with loading_kernels():
                self._desk = self._desk_made(place)
        return self._desk

    def _desk_made(self, place: ModelStore | None) -> Desk:
        from recoverops.app.desk import Brought, Desk

        return Desk(
            self._settings,
            self._clock,
            self._metrics,
            audit=self._audit,
            changed=self.wake,
            brought=Brought(kinds=self.kinds, readers=self.readers, models=place),
            incidents=self._incidents,
        )

    def _place(self) -> ModelStore | None:
        self._problem = ""
        try:
            return self.open_models()
        except RecoverOpsError as error:
            self._problem = str(error)
            raise

    def _history_told(self) -> tuple[str, bool]:
        if self._history is None:
            return "history.enabled is false: nothing is kept to train on", False
        status = self._history.status
        return status.statement, status.state in {ComponentState.UP, ComponentState.DEGRADED}

    def _read_history(self) -> ParquetHistory:
        """Raises PermanentError when none is kept, UnreachableError while it is not open."""
        if self._history is None:
            raise PermanentError(
                "history.enabled is false, so nothing was kept to train on; set it to true and collect, or train from "
                "a file with `recoverops train metrics --from FILE.csv`"
            )
        history = self._history.opened
        if history is None:
            raise UnreachableError(f"the history is not open: {self._history.status.statement}")
        return history

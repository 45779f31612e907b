"""The models of several metrics in a running engine: loaded, scored with, trained anew, switched.

Owned by `anomaly.py`. What a door asks comes in here; the rules are in `operations`. Training and switching are written
into the audit log before they happen. Any thread may call.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from recoverops.api.telemetry import Metrics
from recoverops.app.files import WINDOWS_FILE
from recoverops.app.late_baselines import LateBaselines
from recoverops.app.learned import Learned
from recoverops.app.places import models_folder
from recoverops.app.settings import Settings
from recoverops.app.training import Trainer
from recoverops.detection.metrics.joint import KINDS, NO_KINDS, Kinds, Lack, UntrainableError
from recoverops.model import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    PermanentError,
    RecoverOpsError,
    Resource,
    RetryableError,
)
from recoverops.model.joint import MetricTable
from recoverops.operations.anomaly_answers import KEPT, TrainingWish, UnfitQuestionError
from recoverops.operations.anomaly_status import (
    AnomalyStatus,
    ModelView,
    TrainingJob,
    TrainingView,
    budget_of,
    model_views,
)
from recoverops.operations.drift_watch import DriftWatch
from recoverops.operations.history_table import history_table
from recoverops.operations.incident_windows import Stretch
from recoverops.operations.model_inputs import model_name
from recoverops.operations.model_training import Activation, LoadedModel, TrainingOrder, loaded
from recoverops.operations.reader_table import reader_table
from recoverops.operations.retraining import next_due
from recoverops.operations.scoring import Scoring
from recoverops.ports import Clock, HistoryStore, ModelStore, ModelVersion, RangeReader
from recoverops.storage.models import FolderModelStore

ENGINE = "recoverops"
Audit = Callable[[str, str, str, Mapping[str, str]], None]
"""(event, actor, subject, detail) into the audit log."""
_LOG = logging.getLogger("recoverops.models")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """By plugins."""

    kinds: Kinds = field(default_factory=lambda: NO_KINDS)
    readers: Mapping[str, RangeReader] = field(default_factory=dict)
    models: ModelStore | None = None
    """Where models are; None for the folder that the settings name."""


class Desk:
    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        *,
        audit: Audit,
        changed: Callable[[], None],
        brought: Brought | None = None,
        incidents: Callable[[Resource], tuple[Stretch, ...]] = lambda resource: (),
    ) -> None:
        """`changed` is called when a version may have become current."""
        brought = brought or Brought()
        self._detection = settings.detection
        self._clock = clock
        self._audit = audit
        self._changed = changed
        self._kinds = brought.kinds
        self._readers = brought.readers
        self._incidents = incidents
        self._store = brought.models or FolderModelStore(models_folder(settings))
        self.scoring = Scoring(settings.inventory, clock, metrics, settings.detection)
        self._learned = Learned({"scoring": self.scoring}, settings.data_dir / WINDOWS_FILE, clock)
        self._learned.load()
        self.trainer = Trainer(
            self._store, settings.detection.joint, clock, metrics, config=settings.path, ended=changed
        )
        self._pointers: dict[str, int] = {}
        self._watches: dict[str, DriftWatch] = {}
        self._tried: dict[str, datetime] = {}
        self._problem = ""
        self._seen: tuple[ModelView, ...] = ()
        self._refreshing = threading.Lock()

    def close(self) -> None:
        self.trainer.close()
        self._learned.save()

    def save_sometimes(self) -> None:
        """What was seen of the rows becomes durable."""
        self._learned.save_sometimes()

    # --- which models count ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Loads what has become current since the last look. What is loaded stays in use while the store is away.

        Raises UnreachableError then, and what else the store says.
        """
        with self._refreshing:
            try:
                self._refresh()
            except RecoverOpsError as error:
                self._tell(str(error))
                raise

    def _refresh(self) -> None:
        models, problems = dict[str, LoadedModel](), list[str]()
        for name in self._store.names():
            try:
                model = self._current(name)
            except (PermanentError, NotFoundError) as error:
                problems.append(str(error))
                continue
            if model is not None:
                models[name] = model
        self._watches = {name: watch for name, watch in self._watches.items() if name in models}
        self._tell("; ".join(problems))
        self.scoring.use(models, self._watches)

    def _current(self, name: str) -> LoadedModel | None:
        pointer = self._store.current(name)
        known = self.scoring.models.get(name)
        if pointer is None or (known is not None and self._pointers.get(name) == pointer):
            return known
        found = self._store.load_current(name)
        if found is None:
            return None
        for sentence in found.refused:
            _LOG.error("model_damaged", extra={"model": name, "error": sentence})
        model = loaded(found, self._kinds)
        self._pointers[name] = pointer
        self._watches[name] = DriftWatch(model.trained.reference, self._detection.joint)
        _LOG.info("model_in_use", extra={"model": name, "version": model.version.version})
        return model

    def _tell(self, problem: str) -> None:
        if problem and problem != self._problem:
            _LOG.error("models_unusable", extra={"error": problem})
        self._problem = problem

    # --- what the doors ask ---------------------------------------------------------------------------------------

    def status(self, *, history: str, is_history_available: bool, baselines: LateBaselines | None) -> AnomalyStatus:
        spending = baselines.spending() if baselines is not None else None
        budget = budget_of(*spending) if spending is not None and spending[0] else None
        views = self._views()
        return AnomalyStatus(
            models=views,
            resources_remembered=self.scoring.remembered,
            training=TrainingView(
                minimum_points=self._detection.joint.minimum_points,
                retrain_every_s=self._detection.retrain_every.total_seconds(),
                jobs=self.trainer.jobs,
            ),
            history=history,
            is_history_available=is_history_available,
            budget=budget,
            problem=self._problem,
        )

    def _views(self) -> tuple[ModelView, ...]:
        """As they were when the store last answered, while it does not."""
        try:
            self._seen = model_views(self._store, self.scoring.models, self.scoring.drift())
        except (RetryableError, ForbiddenError, MisconfiguredError) as error:
            self._tell(str(error))
        return self._seen

    def train(
        self,
        wish: TrainingWish,
        history: Callable[[], HistoryStore],
        *,
        activation: Activation = Activation.ALWAYS,
    ) -> TrainingJob:
        """Begins a training on the newest history of a resource.

        Raises UntrainableError and NotFoundError, which say what is missing, ConflictError while another training runs,
        UnfitQuestionError for a kind or a source that nobody knows.
        """
        kind = wish.kind or self._detection.model_kind
        known = (*KINDS, *self._kinds)
        if kind not in known:
            raise UnfitQuestionError(f'kind is "{kind}", expected one of {", ".join(known)}')
        self.trainer.check_free()
        name = wish.name or model_name(wish.resource.kind, wish.resource.name)
        self._store.current(name)  # refuses a name that is none
        table, data = self._table(wish, history)
        missing = self._detection.joint.minimum_points - len(table)
        if missing > 0:
            raise UntrainableError(
                Lack.TOO_FEW_POINTS,
                f"{data} has {len(table)} minutes with a value, training needs "
                f"{self._detection.joint.minimum_points}: {missing} are missing; collect for "
                f"{timedelta(minutes=missing)} h more, or train from a file with `recoverops train metrics --from`",
            )
        detail = {
            "resource": str(wish.resource),
            "from": wish.source,
            "rows": str(len(table)),
            "activation": activation.value,
        }
        self._audit("model.training_started", wish.by, name, detail)
        order = TrainingOrder(
            name=name,
            kind=kind,
            data=data,
            resource=str(wish.resource) if wish.source == KEPT else None,
            activation=activation,
            incidents=self._incidents(wish.resource),
        )
        return self.trainer.start(order, table, of=wish.resource, by=wish.by)

    def _table(self, wish: TrainingWish, history: Callable[[], HistoryStore]) -> tuple[MetricTable, str]:
        """The rows, and which data they are in words."""
        now = self._clock.now()
        start = now - self._detection.training_history
        if wish.source == KEPT:
            if wish.queries:
                raise UnfitQuestionError('queries are asked of another system; say which, e.g. "from": "prometheus"')
            return history_table(history(), wish.resource, start=start, end=now), f"the history of {wish.resource}"
        if wish.source not in self._readers:
            known = ", ".join((KEPT, *self._readers))
            raise UnfitQuestionError(f'from is "{wish.source}", expected one of {known}')
        reader = self._readers[wish.source]
        try:
            table = reader_table(reader, wish.queries, start=start, end=now, resource=wish.resource)
        except MisconfiguredError as error:
            raise UnfitQuestionError(str(error)) from error
        return table, f"the history of {reader.name} for {wish.resource}"

    def activate(self, name: str, *, to: int, by: str) -> ModelVersion:
        """Makes a version current, also an earlier one. Raises NotFoundError, PermanentError when it is damaged."""
        before = self._store.current(name)
        self._store.load(name, to)
        self._audit("model.activated", by, name, {"version": str(to), "before": str(before or "none")})
        switched = self._store.switch(name, to=to, expected=before)
        self.refresh()
        return switched

    # --- training by itself ---------------------------------------------------------------------------------------

    def retrain_due(self, history: Callable[[], HistoryStore]) -> None:
        """Begins the training that is due, if any; the new version counts only when it is not worse."""
        now, every = self._clock.now(), self._detection.retrain_every
        model = next_due(self.scoring.models.values(), self._tried, every=every, now=now)
        if model is None or model.origin is None or model.origin.resource is None:
            return
        name = model.version.name
        try:
            self.trainer.check_free()
            self._tried[name] = now
            wish = TrainingWish(
                resource=Resource.parse(model.origin.resource), kind=model.version.kind, name=name, by=ENGINE
            )
            self.train(wish, history, activation=Activation.IF_NOT_WORSE)
        except ConflictError:
            return  # one runs; this one is due again at the next look
        except (PermanentError, NotFoundError, RetryableError) as error:
            _LOG.warning("retraining_refused", extra={"model": name, "error": str(error)})

"""The models of several metrics in a running engine: loaded, scored with, trained anew, switched.

Owned by `anomaly.py`. What a door asks comes in here; the rules are in `operations`. Training and switching are written
into the audit log before they happen. Any thread may call.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from recoverops.api.telemetry import Metrics
from recoverops.app.files import MODELS_FOLDER
from recoverops.app.settings import Settings
from recoverops.app.training import Trainer
from recoverops.detection.metrics.joint import KINDS, Lack, UntrainableError
from recoverops.model import ConflictError, NotFoundError, PermanentError, Resource, RetryableError
from recoverops.operations.anomaly_answers import UnfitQuestionError
from recoverops.operations.anomaly_status import AnomalyStatus, TrainingJob, TrainingView, budget_of, model_views
from recoverops.operations.drift_watch import DriftWatch
from recoverops.operations.history_table import history_table
from recoverops.operations.model_inputs import model_name
from recoverops.operations.model_training import Activation, LoadedModel, loaded
from recoverops.operations.retraining import next_due
from recoverops.operations.scoring import Scoring
from recoverops.ports import Clock, HistoryStore, ModelVersion
from recoverops.storage.models import FolderModelStore

if TYPE_CHECKING:
    from recoverops.pipeline.baselines import Baselines

ENGINE = "recoverops"
Audit = Callable[[str, str, str, Mapping[str, str]], None]
"""(event, actor, subject, detail) into the audit log."""
_LOG = logging.getLogger("recoverops.models")


class Desk:
    def __init__(
        self, settings: Settings, clock: Clock, metrics: Metrics, *, audit: Audit, changed: Callable[[], None]
    ) -> None:
        """`changed` is called when a version may have become current."""
        self._detection = settings.detection
        self._clock = clock
        self._audit = audit
        self._changed = changed
        folder = settings.data_dir / MODELS_FOLDER
        self._store = FolderModelStore(folder)
        self.scoring = Scoring(settings.inventory, clock, metrics, settings.detection)
        self.trainer = Trainer(folder, settings.detection.joint, clock, metrics, ended=changed)
        self._pointers: dict[str, int] = {}
        self._watches: dict[str, DriftWatch] = {}
        self._tried: dict[str, datetime] = {}
        self._problem = ""
        self._refreshing = threading.Lock()

    def close(self) -> None:
        self.trainer.close()

    # --- which models count ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Loads what has become current since the last look. Raises UnreachableError for a folder that is away."""
        with self._refreshing:
            self._refresh()

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
        model = loaded(found)
        self._pointers[name] = pointer
        self._watches[name] = DriftWatch(model.trained.reference, self._detection.joint)
        _LOG.info("model_in_use", extra={"model": name, "version": model.version.version})
        return model

    def _tell(self, problem: str) -> None:
        if problem and problem != self._problem:
            _LOG.error("models_unusable", extra={"error": problem})
        self._problem = problem

    # --- what the doors ask ---------------------------------------------------------------------------------------

    def status(self, *, history: str, is_history_available: bool, baselines: Baselines | None) -> AnomalyStatus:
        budget = None
        if baselines is not None:
            names, spent = baselines.spending()
            budget = budget_of(names, spent) if names else None
        return AnomalyStatus(
            models=model_views(self._store, self.scoring.models, self.scoring.drift()),
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

    def train(
        self,
        history: HistoryStore,
        resource: Resource,
        *,
        kind: str,
        name: str,
        by: str,
        activation: Activation = Activation.ALWAYS,
    ) -> TrainingJob:
        """Begins a training on the newest history of the resource; empty texts mean the defaults.

        Raises UntrainableError and NotFoundError, which say what is missing, ConflictError while another training runs,
        UnfitQuestionError for a kind that nobody knows.
        """
        if kind and kind not in KINDS:
            raise UnfitQuestionError(f'kind is "{kind}", expected one of {", ".join(KINDS)}')
        self.trainer.check_free()
        name = name or model_name(resource.kind, resource.name)
        self._store.current(name)  # refuses a name that is none
        now = self._clock.now()
        table = history_table(history, resource, start=now - self._detection.training_history, end=now)
        missing = self._detection.joint.minimum_points - len(table)
        if missing > 0:
            raise UntrainableError(
                Lack.TOO_FEW_POINTS,
                f"the history of {resource} has {len(table)} minutes with a value, training needs "
                f"{self._detection.joint.minimum_points}: {missing} are missing; collect for "
                f"{timedelta(minutes=missing)} h more, or train from a file with `recoverops train metrics --from`",
            )
        detail = {"resource": str(resource), "rows": str(len(table)), "activation": activation.value}
        self._audit("model.training_started", by, name, detail)
        return self.trainer.start(
            table, name=name, kind=kind or KINDS[0], resource=str(resource), activation=activation, by=by
        )

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
            self.train(
                history(),
                Resource.parse(model.origin.resource),
                kind=model.version.kind,
                name=name,
                by=ENGINE,
                activation=Activation.IF_NOT_WORSE,
            )
        except ConflictError:
            return  # one runs; this one is due again at the next look
        except (PermanentError, NotFoundError, RetryableError) as error:
            _LOG.warning("retraining_refused", extra={"model": name, "error": str(error)})

"""Answers `POST /anomaly`: the row's features, the current model of its resource, and what it says. Keeps no file.

Between two rows of a resource it remembers the rolling window of the features and where the model stands, for a
bounded number of resources; the one that was silent longest goes first. Thread-safe; one answer takes well below a
millisecond, so the event loop may ask. Models are handed in with `use`; nothing is loaded here. What is remembered goes
over a restart as bytes (`scoring_memory.py`).
"""

from __future__ import annotations

import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from recoverops.detection import DetectionSettings
from recoverops.detection.metrics.joint import severity_of
from recoverops.detection.metrics.joint.drift import DriftReport
from recoverops.model import Resource, ResourceKind
from recoverops.model.joint import JointScore, MetricTable, RowStatus
from recoverops.operations.anomaly_answers import (
    Answer,
    Lacking,
    ModelName,
    Question,
    Scored,
    UnfitQuestionError,
    Unscored,
)
from recoverops.operations.drift_watch import DriftWatch
from recoverops.operations.model_inputs import chosen, input_of, names_for
from recoverops.operations.model_training import LoadedModel
from recoverops.operations.scoring_memory import FULL_WINDOW_S, Remembered, Watched, packed, unpacked
from recoverops.ports import Clock, Telemetry
from recoverops.topology import Inventory

LARGEST_LEAD = timedelta(minutes=10)
"""How far ahead of our clock a row may be; one from the far future would make every later row a late one."""


class Scoring:
    def __init__(self, inventory: Inventory, clock: Clock, telemetry: Telemetry, settings: DetectionSettings) -> None:
        self._inventory = inventory
        self._clock = clock
        self._telemetry = telemetry
        self._most = settings.live_resources
        self._needed_share = settings.joint.needed_share
        self._models: Mapping[str, LoadedModel] = {}
        self._watches: dict[str, DriftWatch] = {}
        self._unclaimed: dict[str, Watched] = {}
        """Of models that were not handed in again since the restart."""
        self._remembered: OrderedDict[Resource, Remembered] = OrderedDict()
        self._anomalies: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def models(self) -> Mapping[str, LoadedModel]:
        return self._models

    @property
    def remembered(self) -> int:
        return len(self._remembered)

    @property
    def anomalies(self) -> Mapping[str, int]:
        """Anomalies found since the start, by severity."""
        return dict(self._anomalies)

    def use(self, models: Mapping[str, LoadedModel], watches: Mapping[str, DriftWatch]) -> None:
        """From now on these, by name. A resource whose model has changed begins anew, but keeps its window."""
        with self._lock:
            self._models, self._watches = dict(models), dict(watches)
            for name, watch in watches.items():
                seen = self._unclaimed.pop(name, None)
                if seen is not None and name in models and seen.digest == models[name].version.digest:
                    watch.resume(seen.state)

    def to_bytes(self) -> bytes:
        """All that is remembered, of one moment; what `from_bytes` reads goes on exactly as this would."""
        with self._lock:
            watched = {
                name: Watched(digest=self._models[name].version.digest, state=watch.seen())
                for name, watch in self._watches.items()
                if name in self._models
            }
            return packed(self._remembered, {**self._unclaimed, **watched})

    def from_bytes(self, blob: bytes) -> None:
        """Called before the first question. Raises PermanentError, and changes nothing, when it cannot be read."""
        windows, watched = unpacked(blob, most=self._most)
        with self._lock:
            self._remembered, self._unclaimed = OrderedDict(windows), watched

    def drift(self) -> dict[str, DriftReport]:
        with self._lock:
            return {name: watch.judged() for name, watch in self._watches.items()}

    def answer(self, question: Question) -> Answer:
        """Raises UnfitQuestionError for a value that cannot be used."""
        _check(question)
        if question.at - self._clock.now() > LARGEST_LEAD:
            raise UnfitQuestionError(
                f"timestamp is {question.at.isoformat()}, more than {LARGEST_LEAD.seconds // 60} minutes ahead of the "
                "clock here; is the sender's clock right?"
            )
        with self._lock:
            answer = self._answer(question)
        if isinstance(answer, Scored):
            self._telemetry.count("ml_predictions_total", model=answer.model.kind)
        else:
            self._telemetry.count("recoverops_anomaly_unscored_total", reason=answer.reason)
        return answer

    def _answer(self, question: Question) -> Answer:
        names = tuple(names_for(question.resource.kind, question.resource.name, self._group_of(question.resource)))
        name = next((name for name in names if name in self._models), None)
        if name is None:
            return Unscored(
                resource=question.resource,
                timestamp=question.at,
                reason=Lacking.NO_MODEL,
                statement=f"no model is trained for {question.resource}; looked for {', '.join(names)}. Train one with "
                "POST /anomaly/train or `recoverops train metrics`",
            )
        model = self._models[name]
        kept = self._kept(question.resource, model)
        at = question.at.timestamp()
        ignored = tuple(sorted(set(question.metrics) - set(model.recipe.inputs)))
        if at <= kept.last:
            return self._unscored(question, model, Lacking.LATE, _late(kept.last), (), ignored)
        covers = kept.covers(at)
        row = self._row(model, kept, at, question.metrics)
        if model.recipe.is_engineered and covers < FULL_WINDOW_S:
            told = (
                f"the rolling window covers {covers:.0f} s, {FULL_WINDOW_S:.0f} s are needed; go on sending rows, or "
            )
            told += "send the last hour with POST /anomaly/batch first"
            return self._unscored(question, model, Lacking.WINDOW_TOO_SHORT, told, (), ignored)
        absent = tuple(one for one in model.recipe.inputs if one not in question.metrics)
        if len(absent) > (1 - self._needed_share) * len(model.recipe.inputs):
            told = f"these have no value: {', '.join(absent)}; the rolling window alone says nothing of this row"
            return self._unscored(question, model, Lacking.METRICS_MISSING, told, absent, ignored)
        kept.state, scores = model.trained.model.step(kept.state, row)
        watch = self._watches.get(name)
        if watch is not None:
            watch.saw(row, scores)
        said = scores.answer(0)
        if not isinstance(said, JointScore):
            is_late = said.status is RowStatus.LATE
            reason = Lacking.LATE if is_late else Lacking.METRICS_MISSING
            missing = () if is_late else _inputs_without(said.missing, question)
            told = said.statement if is_late or not missing else f"these have no value: {', '.join(missing)}"
            return self._unscored(question, model, reason, told, missing, ignored)
        return self._scored(question, model, said, ignored)

    def _row(self, model: LoadedModel, kept: Remembered, at: float, metrics: Mapping[str, float]) -> MetricTable:
        known = {name: metrics[name] for name in model.recipe.inputs if name in metrics}
        if model.recipe.is_engineered:
            return chosen(kept.features.step(at, known), model.recipe.metrics)
        values = np.array([[known.get(name, math.nan) for name in model.recipe.metrics]])
        return MetricTable(metrics=model.recipe.metrics, times=np.array([at]), values=values)

    def _kept(self, resource: Resource, model: LoadedModel) -> Remembered:
        kept = self._remembered.get(resource)
        if kept is None:
            if len(self._remembered) >= self._most:
                self._remembered.popitem(last=False)
                self._telemetry.count("recoverops_anomaly_resources_evicted_total")
            kept = Remembered(digest=model.version.digest, state=model.trained.model.start())
            self._remembered[resource] = kept
        elif kept.digest != model.version.digest:
            kept.digest, kept.state = model.version.digest, model.trained.model.start()
        self._remembered.move_to_end(resource)
        return kept

    def _group_of(self, resource: Resource) -> str | None:
        service = self._inventory.services.get(resource.name) if resource.kind is ResourceKind.SERVICE else None
        return service.group if service is not None else None

    def _scored(self, question: Question, model: LoadedModel, said: JointScore, ignored: tuple[str, ...]) -> Scored:
        severity = severity_of(said.score)
        if said.is_anomaly:
            self._anomalies[severity] += 1
        return Scored(
            resource=question.resource,
            timestamp=question.at,
            severity=severity,
            is_anomaly=said.is_anomaly,
            score=said.score,
            p_value=said.p_value,
            p_resolution=said.p_resolution,
            contributions=said.contributions,
            missing=said.missing,
            ignored=ignored,
            model=_named(model),
        )

    def _unscored(
        self,
        question: Question,
        model: LoadedModel,
        reason: Lacking,
        statement: str,
        missing: tuple[str, ...],
        ignored: tuple[str, ...],
    ) -> Unscored:
        return Unscored(
            resource=question.resource,
            timestamp=question.at,
            reason=reason,
            statement=statement,
            missing=missing,
            ignored=ignored,
            model=_named(model),
        )


def _check(question: Question) -> None:
    for name, value in question.metrics.items():
        if not math.isfinite(value):
            raise UnfitQuestionError(f"metrics.{name} is {value}, expected a number; leave it out where there is none")


def _named(model: LoadedModel) -> ModelName:
    return ModelName(name=model.version.name, version=model.version.version, kind=model.version.kind)


def _late(last: float) -> str:
    newest = datetime.fromtimestamp(last, UTC).isoformat()
    return f"the row is not newer than the last one of this resource ({newest}); rows come in the order of their times"


def _inputs_without(features: tuple[str, ...], question: Question) -> tuple[str, ...]:
    """The inputs behind features without a value, as far as they were not sent."""
    return tuple(name for name in dict.fromkeys(map(input_of, features)) if name not in question.metrics)

"""Trains a model of several metrics, keeps it as a new version, and decides whether it becomes the current one.

Called by `recoverops train` and by the child process of `POST /anomaly/train`: training takes longer than the engine's
loop may be held. It is learned from the table that is handed in, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import (
    Evaluation,
    JointSettings,
    Trained,
    evaluate,
    pack,
    table_of,
    train,
    unpack,
)
from recoverops.model import MisconfiguredError, NotFoundError, PermanentError, Record, to_plain
from recoverops.model.joint import MetricTable
from recoverops.operations.model_inputs import Recipe, prepare
from recoverops.operations.series_file import SeriesFile
from recoverops.ports import ModelInUse, ModelParts, ModelStore, ModelVersion

TOLERATED = 10.0
"""A new version that replaces another unasked raises at most this many times `alarm_probability` false alarms ..."""


class Origin(Record, frozen=True, kw_only=True):
    """Which data a model was learned from."""

    data: str
    """In words: a file's name, or the history of a resource."""
    resource: str | None = None
    """`kind:name` when it was the stored history; only such a model can be trained anew by itself."""
    begins_at: datetime
    ends_at: datetime
    rows: int
    left_out: tuple[str, ...] = ()


class Activation(StrEnum):
    ALWAYS = "always"
    IF_NOT_WORSE = "if_not_worse"


class Replacing(StrEnum):
    """Whether a new version takes the place of the current one, and why."""

    FIRST = "first"
    ASKED = "asked"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    NOT_COMPARABLE = "not_comparable"


_REPLACES = frozenset({Replacing.FIRST, Replacing.ASKED, Replacing.NOT_WORSE})


class TrainingResult(Record, frozen=True, kw_only=True):
    """A version that is kept now."""

    name: str
    version: int
    kind: str
    digest: str
    is_current: bool
    replacing: Replacing
    statement: str
    """Why it is current, or why not."""
    evaluation: Evaluation
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOrder:
    """What is to be trained."""

    name: str
    kind: str
    data: str
    """Which data, in words."""
    resource: str | None = None
    """`kind:name` when the data is its stored history."""
    activation: Activation = Activation.ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A stored version, ready to score."""

    version: ModelVersion
    trained: Trained
    recipe: Recipe
    origin: Origin | None
    """None: it was stored by somebody else than these operations."""


def train_and_keep(
    order: TrainingOrder,
    table: MetricTable,
    models: ModelStore,
    *,
    settings: JointSettings,
    at: datetime,
    labels: NDArray[np.bool_] | None = None,
) -> TrainingResult:
    """Raises UntrainableError, which says what the history lacks, ConflictError when somebody switched meanwhile.

    The version is kept in every case in which it could be trained; the result says whether it is current.
    """
    prepared = prepare(table)
    trained = train(prepared.table, kind=order.kind, settings=settings, labels=labels)
    origin = _origin(order, table, prepared.left_out)
    current = models.current(order.name)
    replacing, why = Replacing.FIRST, "it is the first version of this model"
    if current is not None and order.activation is Activation.ALWAYS:
        replacing, why = Replacing.ASKED, f"it replaces version {current}, as asked"
    elif current is not None:
        old = _judged_old(models, order.name, current, table, labels, trained.evaluation.begins_at)
        replacing, why = _compared(trained.evaluation, old, current, settings)
    packed = pack(trained)
    more = {"recipe": msgspec.to_builtins(prepared.recipe), "origin": msgspec.to_builtins(origin)}
    kept = models.save(order.name, replace(packed, description={**packed.description, **more}), at=at)
    if replacing in _REPLACES:
        models.switch(order.name, to=kept.version, expected=current)
    return TrainingResult(
        name=order.name,
        version=kept.version,
        kind=kept.kind,
        digest=kept.digest,
        is_current=replacing in _REPLACES,
        replacing=replacing,
        statement=why,
        evaluation=trained.evaluation,
        origin=origin,
    )


def loaded(found: ModelInUse) -> LoadedModel:
    """Raises PermanentError when the parts are no such model."""
    trained = unpack(found.parts)
    plain = Recipe(inputs=trained.model.metrics, metrics=trained.model.metrics, is_engineered=False)
    return LoadedModel(
        version=found.version,
        trained=trained,
        recipe=_part(found.parts, "recipe", Recipe) or plain,
        origin=_part(found.parts, "origin", Origin),
    )


def evaluate_stored(
    model: LoadedModel,
    table: MetricTable,
    *,
    data: str,
    labels: NDArray[np.bool_] | None = None,
    since: datetime | None = None,
) -> Evaluation:
    """What a stored version does on a table of inputs; rows before `since` fill the rolling windows and do not count.

    Raises PermanentError when no row is left.
    """
    first = 0 if since is None else int(np.searchsorted(table.times, since.timestamp()))
    if first >= len(table):
        newer = "" if since is None else f" since {since:%Y-%m-%d %H:%M} UTC"
        raise PermanentError(f"{data} has no row{newer} to evaluate on")
    rows = model.recipe.rows(table).rows(first, len(table))
    return evaluate(model.trained.model, rows, data=data, labels=None if labels is None else labels[first:])


def report_of(model: LoadedModel, report: Evaluation, lead: str) -> dict[str, Any]:
    """An evaluation of a version as plain JSON, with all of it in words under `statement`."""
    of = model.version
    stretch = f"{report.begins_at:%Y-%m-%d %H:%M} to {report.ends_at:%Y-%m-%d %H:%M} UTC"
    return {
        "name": of.name,
        "version": of.version,
        "kind": of.kind,
        "evaluation": to_plain(report),
        "statement": f"{of.name} version {of.version} ({of.kind}). {lead}\n{report.judged} of {report.rows} rows "
        f"judged, {stretch}. {report.statement}",
    }


def may_replace(new: Evaluation, current: Evaluation, *, alarm_probability: float) -> bool:
    """Both were measured on the same rows. By F1 where there are labels, else by the share of false alarms."""
    if new.f1 is not None and current.f1 is not None:
        return new.f1 >= current.f1
    if new.false_alarm_ratio is None:
        return False
    bound = TOLERATED * alarm_probability
    return new.false_alarm_ratio <= max(bound, current.false_alarm_ratio or 0.0)


def table_of_file(file: SeriesFile) -> MetricTable:
    """All rows. Raises UntrainableError when the times do not ascend."""
    parts = list(file.rows())
    if not parts:
        return table_of(file.columns, np.empty(0), np.empty((0, len(file.columns))))
    times, values = (np.concatenate([one.at for one in parts]), np.concatenate([one.values for one in parts]))
    return table_of(file.columns, times, values)


def labels_of_file(file: SeriesFile, table: MetricTable) -> NDArray[np.bool_]:
    """True for the rows that the file calls abnormal (not 0); rows that it does not name are normal.

    Raises MisconfiguredError for a file of several columns, or one that names none of the rows.
    """
    if len(file.columns) != 1:
        raise MisconfiguredError(f"{file.path} has {len(file.columns)} columns, expected `timestamp,label`")
    labelled = [(at, value) for part in file.rows() for at, value in zip(part.at, part.values[:, 0], strict=True)]
    abnormal = {at for at, value in labelled if value not in {0.0} and not np.isnan(value)}
    if not {at for at, _ in labelled} & set(table.times.tolist()):
        raise MisconfiguredError(f"no timestamp of {file.path} is one of the history; use the same times in both")
    return np.array([at in abnormal for at in table.times.tolist()], dtype=np.bool_)


def _judged_old(
    models: ModelStore,
    name: str,
    current: int,
    table: MetricTable,
    labels: NDArray[np.bool_] | None,
    since: datetime,
) -> Evaluation | str:
    """What the current version does on the same newest rows, or why it cannot be told."""
    try:
        old = loaded(models.load(name, current))
        if missing := sorted(set(old.recipe.inputs) - set(table.metrics)):
            return f"it needs {', '.join(missing)}, which this history does not have"
        return evaluate_stored(old, table, data="the newest part of the history", labels=labels, since=since)
    except (PermanentError, NotFoundError) as error:
        return str(error)


def _compared(new: Evaluation, old: Evaluation | str, current: int, settings: JointSettings) -> tuple[Replacing, str]:
    if isinstance(old, str) or not old.judged:
        why = old if isinstance(old, str) else "it could judge none of these rows"
        return Replacing.NOT_COMPARABLE, f"version {current} stays, it could not be compared: {why}; activate by hand"
    figures = _figures(new, old, current)
    if may_replace(new, old, alarm_probability=settings.alarm_probability):
        return Replacing.NOT_WORSE, f"it is not worse on the newest part: {figures}"
    return Replacing.WORSE, f"version {current} stays, the new one is worse on the newest part: {figures}"


def _figures(new: Evaluation, old: Evaluation, current: int) -> str:
    if new.f1 is not None and old.f1 is not None:
        return f"F1 {new.f1:.2f}, version {current} {old.f1:.2f}"
    shown = ["unknown" if one.false_alarm_ratio is None else f"{one.false_alarm_ratio:.2%}" for one in (new, old)]
    return f"{shown[0]} false alarms, version {current} {shown[1]}"


def _origin(order: TrainingOrder, table: MetricTable, left_out: tuple[str, ...]) -> Origin:
    begins_at, ends_at = (datetime.fromtimestamp(float(at), UTC) for at in (table.times[0], table.times[-1]))
    return Origin(
        data=order.data,
        resource=order.resource,
        begins_at=begins_at,
        ends_at=ends_at,
        rows=len(table),
        left_out=left_out,
    )


def _part(parts: ModelParts, key: str, cls: type[Any]) -> Any:
    plain: Mapping[str, Any] | None = parts.description.get(key)
    if plain is None:
        return None
    try:
        return msgspec.convert(plain, cls)
    except msgspec.ValidationError as error:
        raise PermanentError(f"the {parts.kind} model's {key} does not fit: {error}; train a new one") from error

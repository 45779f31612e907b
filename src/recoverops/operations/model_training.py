"""Trains a model of several metrics, keeps it as a new version, and decides whether it becomes the current one.

Called by `recoverops train` and by the child process of `POST /anomaly/train`: training takes longer than the engine's
loop may be held. It is learned from the table that is handed in, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import (
    NO_KINDS,
    Evaluation,
    JointSettings,
    Kinds,
    Trained,
    UntrainableError,
    evaluate,
    pack,
    table_of,
    train,
    unpack,
)
from recoverops.detection.metrics.joint.engineered import WINDOW_S
from recoverops.model import MisconfiguredError, NotFoundError, PermanentError, Record, to_plain
from recoverops.model.joint import MetricTable
from recoverops.operations.incident_windows import Stretch, within
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
    incidents: tuple[Stretch, ...] = ()
    """In which something was wrong: these rows are neither learned nor counted."""


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
    kinds: Kinds = NO_KINDS,
) -> TrainingResult:
    """Raises UntrainableError, which says what the history lacks, ConflictError when somebody switched meanwhile.

    The version is kept in every case in which it could be trained; the result says whether it is current.
    """
    current = current_of(models, order)
    return keep(learn(order, table, current, settings=settings, labels=labels, kinds=kinds), order, models, at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The version that is current when a training begins."""

    number: int
    found: ModelInUse | None
    """None: nobody needs it, or it cannot be read."""
    problem: str = ""
    """Why it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A model that is not kept yet, and what was decided about it."""

    parts: ModelParts
    verdict: LearningVerdict


class LearningVerdict(Record, frozen=True, kw_only=True):
    replacing: Replacing
    why: str
    before: int | None
    """The version that is current while it is trained."""
    evaluation: Evaluation
    origin: Origin


def current_of(models: ModelStore, order: TrainingOrder) -> Current | None:
    """What a training has to know of the store: it is read only when the new version is to be compared with it."""
    number = models.current(order.name)
    if number is None:
        return None
    if order.activation is Activation.ALWAYS:
        return Current(number=number, found=None)
    try:
        return Current(number=number, found=models.load(order.name, number))
    except (PermanentError, NotFoundError) as error:
        return Current(number=number, found=None, problem=str(error))


def learn(
    order: TrainingOrder,
    table: MetricTable,
    current: Current | None,
    *,
    settings: JointSettings,
    labels: NDArray[np.bool_] | None = None,
    kinds: Kinds = NO_KINDS,
) -> Learned:
    """Raises UntrainableError. Touches no store."""
    prepared = prepare(table)
    calm = ~_inside(order.incidents, table, prepared.recipe)
    told = f"{int((~calm).sum())} rows inside {len(order.incidents)} incidents" if not calm.all() else ""
    try:
        trained = train(
            _only(prepared.table, calm),
            kind=order.kind,
            settings=settings,
            labels=None if labels is None else labels[calm],
            kinds=kinds,
        )
    except UntrainableError as error:
        if not told:
            raise
        raise UntrainableError(error.lack, f"{error} ({told} were left out)") from error
    origin = _origin(order, table, (*prepared.left_out, *((told,) if told else ())))
    replacing, why = Replacing.FIRST, "it is the first version of this model"
    if current is not None and order.activation is Activation.ALWAYS:
        replacing, why = Replacing.ASKED, f"it replaces version {current.number}, as asked"
    elif current is not None:
        old = _judged_old(current, order, table, labels, trained.evaluation.begins_at, kinds)
        replacing, why = _compared(trained.evaluation, old, current.number, settings)
    packed = pack(trained)
    more = {"recipe": msgspec.to_builtins(prepared.recipe), "origin": msgspec.to_builtins(origin)}
    return Learned(
        parts=replace(packed, description={**packed.description, **more}),
        verdict=LearningVerdict(
            replacing=replacing,
            why=why,
            before=current.number if current is not None else None,
            evaluation=trained.evaluation,
            origin=origin,
        ),
    )


def keep(learned: Learned, order: TrainingOrder, models: ModelStore, *, at: datetime) -> TrainingResult:
    """A new version; current if it replaces. Raises ConflictError when somebody switched meanwhile."""
    verdict = learned.verdict
    kept = models.save(order.name, learned.parts, at=at)
    is_current = verdict.replacing in _REPLACES
    if is_current:
        models.switch(order.name, to=kept.version, expected=verdict.before)
    return TrainingResult(
        name=order.name,
        version=kept.version,
        kind=kept.kind,
        digest=kept.digest,
        is_current=is_current,
        replacing=verdict.replacing,
        statement=verdict.why,
        evaluation=verdict.evaluation,
        origin=verdict.origin,
    )


def loaded(found: ModelInUse, kinds: Kinds = NO_KINDS) -> LoadedModel:
    """`kinds`: those of plugins. Raises PermanentError when the parts are no such model."""
    trained = unpack(found.parts, kinds)
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
    incidents: tuple[Stretch, ...] = (),
) -> Evaluation:
    """What a stored version does on a table of inputs; rows before `since` fill the rolling windows and do not count,
    and those inside incidents are left out.

    Raises PermanentError when no row is left.
    """
    first = 0 if since is None else int(np.searchsorted(table.times, since.timestamp()))
    if first >= len(table):
        newer = "" if since is None else f" since {since:%Y-%m-%d %H:%M} UTC"
        raise PermanentError(f"{data} has no row{newer} to evaluate on")
    counted = ~_inside(incidents, table, model.recipe)
    counted[:first] = False
    if not counted.any():
        raise PermanentError(f"{data} has no row outside of incidents to evaluate on")
    rows = _only(model.recipe.rows(table), counted)
    return evaluate(model.trained.model, rows, data=data, labels=None if labels is None else labels[counted])


def _inside(incidents: tuple[Stretch, ...], table: MetricTable, recipe: Recipe) -> NDArray[np.bool_]:
    """Rows that show an incident: engineered features show it for as long as they look back."""
    trail = timedelta(seconds=WINDOW_S) if recipe.is_engineered else timedelta(0)
    return within(table.times, incidents, trail=trail)


def _only(table: MetricTable, rows: NDArray[np.bool_]) -> MetricTable:
    return MetricTable(metrics=table.metrics, times=table.times[rows], values=table.values[rows])


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
    current: Current,
    order: TrainingOrder,
    table: MetricTable,
    labels: NDArray[np.bool_] | None,
    since: datetime,
    kinds: Kinds,
) -> Evaluation | str:
    """What the current version does on the same newest rows, or why it cannot be told."""
    if current.found is None:
        return current.problem
    try:
        old = loaded(current.found, kinds)
        if missing := sorted(set(old.recipe.inputs) - set(table.metrics)):
            return f"it needs {', '.join(missing)}, which this history does not have"
        return evaluate_stored(
            old,
            table,
            data="the newest part of the history",
            labels=labels,
            since=since,
            incidents=order.incidents,
        )
    except PermanentError as error:
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

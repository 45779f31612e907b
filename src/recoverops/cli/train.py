"""`recoverops train`: a model of several metrics from a file or the stored history, its evaluation, the way back."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recoverops.cli.exits import WrongUsageError, told_errors
from recoverops.cli.options import ConfigOption, JsonOption, parsed_resource, print_json, settings_of
from recoverops.model import LARGEST_NUMBER, MisconfiguredError, NotFoundError, Resource, to_plain

if TYPE_CHECKING:
    from recoverops.app.settings import Settings
    from recoverops.model.joint import MetricTable
    from recoverops.operations.model_training import LoadedModel, TrainingResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A Prometheus, and what it is asked for."""

    url: str
    """Or `configured`."""
    queries: tuple[str, ...]


class What(StrEnum):
    METRICS = "metrics"


def train(
    what: Annotated[What, typer.Argument(help="What is learned from.")] = What.METRICS,
    *,
    source: Annotated[
        Path | None, typer.Option("--from", help="A CSV: `timestamp` and the metrics of one host or service.")
    ] = None,
    resource: Annotated[
        Resource | None,
        typer.Option(
            "--resource",
            parser=parsed_resource,
            metavar="KIND:NAME",
            help="Instead of a file: the stored history of kind:name, e.g. service:web-1.",
        ),
    ] = None,
    prometheus: Annotated[
        str,
        typer.Option(
            "--prometheus", help="Instead of a file: the history of the Prometheus at this URL, or `configured`."
        ),
    ] = "",
    query: Annotated[
        list[str] | None,
        typer.Option("--query", help="NAME=PROMQL, a column of what Prometheus is asked for. May be given many times."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Of the model. Default: the resource's own, or `default`.")] = "",
    kind: Annotated[
        str,
        typer.Option(
            "--kind", help="residual, isolation_forest (extra ml), or a plugin's. Default: the configuration's."
        ),
    ] = "",
    labels: Annotated[
        Path | None, typer.Option("--labels", help="A CSV `timestamp,label`: not 0 where a person says abnormal.")
    ] = None,
    evaluate: Annotated[bool, typer.Option("--evaluate", help="Train nothing: say what a version does.")] = False,
    version: Annotated[
        int | None, typer.Option("--version", min=1, max=LARGEST_NUMBER, help="Evaluate this one, not the current.")
    ] = None,
    activate: Annotated[
        int | None,
        typer.Option("--activate", min=1, max=LARGEST_NUMBER, help="Train nothing: make this version current again."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model of several metrics, evaluate it, or go back to an earlier version. Too little data is refused."""
    with told_errors():
        settings = settings_of(config)
        if source is not None and (resource is not None or prometheus):
            raise WrongUsageError("--from and --resource or --prometheus are two histories; give one of them")
        if query and not prometheus:
            raise WrongUsageError("--query is asked of a Prometheus; add --prometheus URL, or --prometheus configured")
        asking = Asking(url=prometheus, queries=tuple(query or ())) if prometheus else None
        name = name or _name_for(resource)
        if activate is not None:
            told = _activated(settings, name, activate)
        elif evaluate:
            told = _evaluated(settings, name, version, source, resource, labels, asking)
        else:
            told = _trained(settings, name, kind or settings.detection.model_kind, source, resource, labels, asking)
    if as_json:
        print_json(told)
    else:
        print(told["statement"])
        for sentence in told.get("left_out", ()):
            print(f"  left out: {sentence}")


def _name_for(resource: Resource | None) -> str:
    from recoverops.operations.model_inputs import DEFAULT_MODEL, model_name

    return model_name(resource.kind, resource.name) if resource is not None else DEFAULT_MODEL


def _trained(
    settings: Settings,
    name: str,
    kind: str,
    source: Path | None,
    resource: Resource | None,
    labels: Path | None,
    asking: Asking | None,
) -> dict[str, Any]:
    from recoverops.app.detectors import model_kinds_for
    from recoverops.app.offline import known_incidents, opened_models
    from recoverops.clock import SystemClock
    from recoverops.operations.model_training import TrainingOrder, train_and_keep

    table, data = _history(settings, source, resource, asking)
    kept = str(resource) if resource and asking is None else None
    incidents = known_incidents(settings, resource)
    order = TrainingOrder(name=name, kind=kind, data=data, resource=kept, incidents=incidents)
    print(f"learning from {len(table)} rows of {len(table.metrics)} metrics ...", file=sys.stderr)
    result = train_and_keep(
        order,
        table,
        opened_models(settings),
        settings=settings.detection.joint,
        at=SystemClock().now(),
        labels=_labels(labels, table),
        kinds=model_kinds_for((kind,), settings),
    )
    return {**to_plain(result), "left_out": list(result.origin.left_out), "statement": _told(result)}


def _told(result: TrainingResult) -> str:
    return (
        f"{result.name} version {result.version} ({result.kind}) is {'' if result.is_current else 'not '}current: "
        f"{result.statement}.\n{result.evaluation.statement}"
    )


def _evaluated(
    settings: Settings,
    name: str,
    version: int | None,
    source: Path | None,
    resource: Resource | None,
    labels: Path | None,
    asking: Asking | None,
) -> dict[str, Any]:
    """On a file, or on the newest history; where there is neither, the report that was made with the training."""
    from recoverops.app.offline import known_incidents
    from recoverops.operations.model_training import evaluate_stored, report_of

    model = _stored(settings, name, version)
    from_history = Resource.parse(model.origin.resource) if model.origin and model.origin.resource else None
    if source is None and resource is None and from_history is None and asking is None:
        return report_of(model, model.trained.evaluation, "Stored with the model; give --from FILE to measure anew.")
    table, data = _history(settings, source, resource or from_history, asking)
    is_its_own = source is None and asking is None and (resource or from_history) == from_history
    since = model.origin.ends_at if is_its_own and model.origin else None
    measured = evaluate_stored(
        model,
        table,
        data=data,
        labels=_labels(labels, table),
        since=since,
        incidents=known_incidents(settings, resource or (from_history if source is None else None)),
    )
    return report_of(model, measured, f"Measured now on {data}{', what is newer than the training' if since else ''}.")


def _stored(settings: Settings, name: str, version: int | None) -> LoadedModel:
    from recoverops.app.detectors import model_kinds_for
    from recoverops.app.offline import opened_models
    from recoverops.operations.model_training import loaded

    models = opened_models(settings)
    found = models.load_current(name) if version is None else models.load(name, version)
    if found is None:
        known = ", ".join(models.names()) or "none"
        raise NotFoundError(f"no version of the model {name!r} is current; models: {known}. Train one, or give --name")
    for sentence in found.refused:
        print(f"warning: {sentence}", file=sys.stderr)
    return loaded(found, model_kinds_for((found.version.kind,), settings))


def _activated(settings: Settings, name: str, version: int) -> dict[str, Any]:
    from recoverops.app.offline import opened_models

    models = opened_models(settings)
    before = models.current(name)
    switched = models.switch(name, to=version, expected=before)
    told = f"{name} version {switched.version} ({switched.kind}) is current, before it was {before or 'none'}"
    return {"name": name, "version": switched.version, "kind": switched.kind, "before": before, "statement": told}


def _history(
    settings: Settings, source: Path | None, resource: Resource | None, asking: Asking | None
) -> tuple[MetricTable, str]:
    """The rows, and which data they are in words."""
    from recoverops.app.offline import opened_history
    from recoverops.clock import SystemClock
    from recoverops.operations.history_table import history_table
    from recoverops.operations.model_training import table_of_file
    from recoverops.operations.series_file import SeriesFile

    if source is not None:
        return table_of_file(SeriesFile(source)), f"the file {source.name}"
    if asking is not None:
        return _asked(settings, resource, asking)
    if resource is None:
        raise WrongUsageError(
            "say what to learn from: --from FILE.csv, or --resource kind:name, or --prometheus URL --query NAME=PROMQL"
        )
    now = SystemClock().now()
    span: timedelta = settings.detection.training_history
    with opened_history(settings) as history:
        return history_table(history, resource, start=now - span, end=now), f"the stored history of {resource}"


def _asked(settings: Settings, resource: Resource | None, asking: Asking) -> tuple[MetricTable, str]:
    from recoverops.app.offline import history_reader
    from recoverops.clock import SystemClock
    from recoverops.operations.reader_table import queries_of, reader_table

    try:
        queries = queries_of(asking.queries)
    except MisconfiguredError as error:
        raise WrongUsageError(f"--query: {error}") from error
    reader = history_reader(settings, "prometheus")
    if asking.url != "configured":
        reader = reader.at(asking.url)
    now = SystemClock().now()
    table = reader_table(
        reader,
        queries,
        start=now - settings.detection.training_history,
        end=now,
        resource=resource,
    )
    return table, f"the history of {reader.name}{f' for {resource}' if resource else ''}"


def _labels(path: Path | None, table: MetricTable) -> Any:
    from recoverops.operations.model_training import labels_of_file
    from recoverops.operations.series_file import SeriesFile

    return None if path is None else labels_of_file(SeriesFile(path), table)

"""What goes into a model of several metrics: the engineered features where their inputs are known, else the columns.

Training decides it once (`prepare`) and it is stored with the model, so that scoring and evaluating feed it the same. A
feature whose input nobody hands in is left out and named; nothing is filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recoverops.detection.metrics.joint import FEATURES, INPUTS, features
from recoverops.model import Record
from recoverops.model.ids import digest
from recoverops.model.joint import MetricTable

_DAY_S = 86400.0
_DAYS_NEEDED = {"hour": 2, "day_of_week": 14, "is_weekend": 14}
"""A history has to show the time features at work: whole days, and each day of the week twice."""
_INPUT_OF = {"network": "network_bytes_total", "cpu": "cpu_usage_avg", "memory": "memory_usage_pct"}
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
DEFAULT_MODEL = "default"


class Recipe(Record, frozen=True, kw_only=True):
    """How rows of a resource become rows of its model."""

    inputs: tuple[str, ...]
    """What a sender may hand in."""
    metrics: tuple[str, ...]
    """The model's columns."""
    is_engineered: bool
    """True: the columns are some of the 18 engineered features."""

    def rows(self, table: MetricTable) -> MetricTable:
        """The model's rows of a table of inputs; a column that is not there is missing."""
        if not self.is_engineered:
            return chosen(table, self.inputs)
        return chosen(features(chosen(table, INPUTS)), self.metrics)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A history that is ready to be learned from."""

    table: MetricTable
    recipe: Recipe
    left_out: tuple[str, ...]
    """One sentence for each column or feature that the model will not have."""


def prepare(table: MetricTable) -> Prepared:
    """Engineered when at least one column is an input of the features, else the columns as they are."""
    inputs = tuple(name for name in INPUTS if name in table.metrics)
    if not inputs:
        plain = Recipe(inputs=table.metrics, metrics=table.metrics, is_engineered=False)
        return Prepared(table=table, recipe=plain, left_out=())
    days = float(table.times[-1] - table.times[0]) / _DAY_S if len(table) else 0.0
    missing = {name: why for name in FEATURES if (why := _why_without(name, inputs, days))}
    metrics = tuple(name for name in FEATURES if name not in missing)
    recipe = Recipe(inputs=inputs, metrics=metrics, is_engineered=True)
    strangers = (f"{name}: no input of the features" for name in table.metrics if name not in INPUTS)
    return Prepared(table=recipe.rows(table), recipe=recipe, left_out=(*missing.values(), *strangers))


def chosen(table: MetricTable, metrics: tuple[str, ...]) -> MetricTable:
    """These columns in this order; NaN where the table has no such column."""
    if table.metrics == metrics:
        return table
    place = {name: number for number, name in enumerate(table.metrics)}
    values = np.full((len(table), len(metrics)), np.nan)
    for number, name in enumerate(metrics):
        if name in place:
            values[:, number] = table.values[:, place[name]]
    return MetricTable(metrics=metrics, times=table.times, values=values)


def _why_without(feature: str, inputs: tuple[str, ...], days: float) -> str:
    needed = _DAYS_NEEDED.get(feature)
    if needed is not None:
        return "" if days >= needed else f"{feature}: the history covers {days:.1f} days, {needed} are needed"
    source = input_of(feature)
    return "" if source in inputs else f"{feature}: the history has no {source}"


def input_of(feature: str) -> str:
    """The input that a feature is made of; the feature's own name where it is one, or made of the time alone."""
    if feature in INPUTS or feature in _DAYS_NEEDED:
        return feature
    return _INPUT_OF.get(feature.partition("_")[0], "disk_usage_pct")


def model_name(kind: str, name: str) -> str:
    """The name under which the model of a resource or group is kept; one that fits no file name gets a digest."""
    plain = f"{kind}-{name}"
    if _PLAIN_NAME.fullmatch(plain):
        return plain
    worn = re.sub(r"[^a-z0-9_-]+", "-", plain.lower())[:50]
    return f"{worn}-{digest(kind, name)[:8]}"


def names_for(kind: str, name: str, group: str | None) -> Iterator[str]:
    """Where a resource looks for its model, in order: its own, its group's, the default."""
    yield model_name(kind, name)
    if group is not None:
        yield model_name("group", group)
    yield DEFAULT_MODEL

"""The history that a monitoring system keeps itself, as a table to train on: one column a query, one row a minute.

A minute of which no query has a value is no row; a value that is missing stays missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from recoverops.detection.metrics.joint import table_of
from recoverops.model import MisconfiguredError, NotFoundError, Resource, ResourceKind
from recoverops.model.joint import MetricTable
from recoverops.operations.history_table import AS_INPUT, STEP
from recoverops.ports import RangeReader

MOST_QUERIES = 32
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:]{0,99}")


def reader_table(
    reader: RangeReader,
    queries: Mapping[str, str],
    *,
    start: datetime,
    end: datetime,
    resource: Resource | None = None,
    step: timedelta = STEP,
) -> MetricTable:
    """`queries`: by column; none means those of the configuration, and then of the service `resource`.

    Raises MisconfiguredError for queries that cannot be used, NotFoundError when nothing comes of any, and what the
    reader raises: half of a history is never handed on.
    """
    wanted = _columns(reader, queries, resource)
    service = resource.name if resource is not None and resource.kind is ResourceKind.SERVICE else ""
    step_s = step.total_seconds()
    first = datetime.fromtimestamp(np.ceil(start.timestamp() / step_s) * step_s, UTC)
    last = first + (end - first) // step * step
    read = [
        reader.read(query, start=first, end=last, step=step, service=service) * factor
        for query, factor in wanted.values()
    ]
    values = np.column_stack(read)
    empty = [name for name, column in zip(wanted, read, strict=True) if np.isnan(column).all()]
    if empty:
        raise NotFoundError(
            f"{reader.name} has no value between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M} UTC of "
            f"{', '.join(empty)}; check the query, or leave it out"
        )
    is_there = ~np.isnan(values).all(axis=1)
    times = first.timestamp() + step_s * np.arange(len(values))
    return table_of(tuple(wanted), times[is_there], values[is_there])


def queries_of(given: Sequence[str]) -> dict[str, str]:
    """`NAME=QUERY` as people write it. Raises MisconfiguredError."""
    found: dict[str, str] = {}
    for one in given:
        name, is_there, query = one.partition("=")
        if not is_there or not query.strip():
            raise MisconfiguredError(f"{one!r} is no query; write NAME=PROMQL, e.g. cpu_usage_avg='avg(...)'")
        if name in found:
            raise MisconfiguredError(f"two queries are called {name}; give each its own name")
        found[name] = query.strip()
    return found


def _columns(
    reader: RangeReader, queries: Mapping[str, str], resource: Resource | None
) -> dict[str, tuple[str, float]]:
    """Column -> query and factor."""
    if queries:
        for name in queries:
            if not _NAME.fullmatch(name):
                raise MisconfiguredError(f"{name!r} is no name of a column; use letters, digits, _ . and :")
        if len(queries) > MOST_QUERIES:
            raise MisconfiguredError(f"there are {len(queries)} queries, at most {MOST_QUERIES} are read")
        return {name: (query, 1.0) for name, query in queries.items()}
    if not reader.queries:
        raise MisconfiguredError(
            f"say what to ask {reader.name} for: --query NAME=PROMQL, `queries` in the request, or queries in the "
            "configuration of its plugin"
        )
    if resource is None or resource.kind is not ResourceKind.SERVICE:
        raise MisconfiguredError("the configured queries give a series a service; say which: --resource service:NAME")
    known: dict[str, tuple[str, float]] = {}
    for metric, (name, factor) in AS_INPUT.items():
        if metric in reader.queries:
            known.setdefault(name, (reader.queries[metric], factor))
    return known or {metric: (query, 1.0) for metric, query in reader.queries.items()}

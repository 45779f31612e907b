"""Prometheus' own history as columns to train on: range queries in pieces that it takes. A `ports.RangeReader`.

A value is what Prometheus would have answered at that moment: it looks back five minutes by default, so shorter gaps of
a gauge are filled with its last value, longer ones stay without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from recoverops.model import MisconfiguredError
from recoverops.plugins.prometheus.server import MOST_POINTS, PrometheusServer, Series
from recoverops.plugins.prometheus.settings import QuerySettings

NAME = "prometheus"
_NAMED = 3
"""Series that are named when there are too many."""


class PrometheusHistory:
    def __init__(
        self,
        server: PrometheusServer | None,
        queries: tuple[QuerySettings, ...],
        connect: Callable[[str], PrometheusServer],
    ) -> None:
        """`server`: None where the configuration names none. `connect` makes one of an address."""
        self._server = server
        self._queries = {query.metric: query for query in queries}
        self._label_of = {query.query: query.service_label for query in queries}
        self._connect = connect

    @property
    def name(self) -> str:
        return NAME

    @property
    def queries(self) -> Mapping[str, str]:
        return {metric: query.query for metric, query in self._queries.items()}

    def at(self, url: str) -> PrometheusHistory:
        return PrometheusHistory(self._connect(url), tuple(self._queries.values()), self._connect)

    def read(
        self, query: str, *, start: datetime, end: datetime, step: timedelta, service: str = ""
    ) -> NDArray[np.float64]:
        if self._server is None:
            raise MisconfiguredError(
                "no Prometheus is configured: set `server.url` in the settings of the plugin prometheus, or name one "
                "with `recoverops train metrics --prometheus URL`"
            )
        values = np.full((end - start) // step + 1, np.nan)
        at = start
        while at <= end:
            until = min(end, at + (MOST_POINTS - 1) * step)
            answer = self._server.query_range(query, start=at, end=until, step=step)
            mine = self._the_one(query, answer.series, service)
            for moment, value in mine.points if mine is not None else ():
                values[round((moment - start) / step)] = value
            at = until + step
        return values

    def _the_one(self, query: str, series: tuple[Series, ...], service: str) -> Series | None:
        """Raises MisconfiguredError when nobody can say which one is meant."""
        label = self._label_of.get(query)
        if label is not None and service:
            series = tuple(one for one in series if one.labels.get(label) == service)
        if len(series) > 1:
            told = "; ".join(_shown(one) for one in series[:_NAMED])
            of = f" of service {service}" if label is not None and service else ""
            raise MisconfiguredError(
                f"the query {' '.join(query.split())} gives {len(series)} series{of} ({told}, ...), expected one; "
                "choose one by its labels, or join them, e.g. with sum(...)"
            )
        return series[0] if series else None


def _shown(series: Series) -> str:
    labels = ", ".join(f'{name}="{value}"' for name, value in sorted(series.labels.items()))
    return f"{{{labels}}}"

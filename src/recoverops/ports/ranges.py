"""A monitoring system that keeps history of its own, such as Prometheus: what training may read of it.

Offered by plugins (`PluginParts.readers`); the use cases ask it for one column of a table at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class RangeReader(Protocol):
    """Reads only. Thread-safe."""

    @property
    def name(self) -> str:
        """Doors choose by it: `{"from": "prometheus"}`."""

    @property
    def queries(self) -> Mapping[str, str]:
        """The queries that the configuration has, by the metric that they give; each gives a series a service."""

    def at(self, url: str) -> RangeReader:
        """The same system at another address, without credentials. Raises `MisconfiguredError` for no address."""

    def read(
        self, query: str, *, start: datetime, end: datetime, step: timedelta, service: str = ""
    ) -> NDArray[np.float64]:
        """(n,) float64, one value at `start`, `start + step`, ... up to `end`; NaN where there is none.

        Of a query that gives several series it is the one of `service`. Asked in pieces that the other side takes.
        Raises `UnreachableError`, and `MisconfiguredError` for a query that is refused or does not give one series.
        """

"""Parquet files through DuckDB: the only file that imports it, and only when the first file is written or read.

One connection in memory, one thread, bounded memory; the caller has a lock. Files are named to it one by one, so a
damaged one is found out by name. Extensions are neither installed nor loaded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recoverops.model import Resource, UnreachableError
from recoverops.ports import SeriesKey
from recoverops.storage.history.buffer import Rows

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "256MB"
_WRITE = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20000)"
_FROM_MEMORY = """
    SELECT k.resource, k.metric, k.labels, make_timestamp(b.at_us) AS ts, b.value, CAST({written} AS BIGINT) AS written
    FROM batch b JOIN names k USING (series) ORDER BY k.resource, k.metric, k.labels, b.at_us
"""
_MERGED = """
    SELECT resource, metric, labels, ts, arg_max_null(value, written) AS value, max(written) AS written
    FROM read_parquet({files}) GROUP BY resource, metric, labels, ts ORDER BY resource, metric, labels, ts
"""
_RANGE = """
    SELECT epoch_us(ts) AS at_us, value, written FROM read_parquet(?)
    WHERE resource = ? AND metric = ? AND labels = ? AND ts >= make_timestamp(?) AND ts < make_timestamp(?)
"""
_SERIES = """
    SELECT DISTINCT resource, metric, labels FROM read_parquet(?)
    WHERE ts >= make_timestamp(?) AND ts < make_timestamp(?)
"""


class DamagedError(UnreachableError):
    """This file is no Parquet file of ours, or no longer."""


class Parquet:
    def __init__(self, *, spill: Path) -> None:
        self._spill = spill
        self._connection: duckdb.DuckDBPyConnection | None = None

    def write(self, target: str, rows: Rows, *, written_us: int) -> None:
        """Raises OSError, also for a full disk."""
        connection = self._open()
        numbers = np.arange(len(rows.keys), dtype=np.int32)
        texts = [columns_of(key) for key in rows.keys]
        names: dict[str, NDArray[Any]] = {"series": numbers}
        for position, name in enumerate(("resource", "metric", "labels")):
            names[name] = np.array([text[position] for text in texts], dtype=object)
        connection.register("names", names)
        connection.register("batch", {"series": rows.series, "at_us": rows.at_us, "value": rows.values})
        try:
            self._copy(_FROM_MEMORY.format(written=written_us), target)
        finally:
            connection.unregister("names")
            connection.unregister("batch")

    def merge(self, sources: Sequence[str], target: str) -> None:
        """One file with the newest value of each time. Raises OSError."""
        self._copy(_MERGED.format(files=f"[{', '.join(_quoted(source) for source in sources)}]"), target)

    def range(
        self, source: str, key: SeriesKey, *, start_us: int, end_us: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Times, values and when each was written. Raises DamagedError, UnreachableError."""
        found = self._fetch(_RANGE, [source, *columns_of(key), start_us, end_us])
        return found["at_us"].astype(np.int64), _with_nan(found["value"]), found["written"].astype(np.int64)

    def series(self, source: str, *, start_us: int, end_us: int) -> set[SeriesKey]:
        found = self._fetch(_SERIES, [source, start_us, end_us])
        return {key_of(*texts) for texts in zip(found["resource"], found["metric"], found["labels"], strict=True)}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            import duckdb

            self._connection = duckdb.connect(
                ":memory:",
                config={
                    "threads": "1",
                    "memory_limit": MEMORY_LIMIT,
                    "temp_directory": str(self._spill),
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                },
            )
        return self._connection

    def _copy(self, query: str, target: str) -> None:
        import duckdb

        try:
            self._open().execute(f"COPY ({query}) TO {_quoted(target)} {_WRITE}")
        except duckdb.Error as error:
            self._start_afresh(error)
            raise OSError(f"{error}") from error

    def _fetch(self, query: str, parameters: list[Any]) -> dict[str, NDArray[Any]]:
        import duckdb

        try:
            return self._open().execute(query, parameters).fetchnumpy()
        except duckdb.OutOfMemoryException as error:
            raise UnreachableError(f"reading {parameters[0]} takes more than {MEMORY_LIMIT}: {error}") from error
        except duckdb.Error as error:
            self._start_afresh(error)
            raise DamagedError(f"{parameters[0]} cannot be read: {error}") from error

    def _start_afresh(self, error: Exception) -> None:
        """DuckDB refuses all work after an internal error; a new connection does not."""
        import duckdb

        if isinstance(error, duckdb.FatalException | duckdb.InternalException):
            self.close()


def columns_of(key: SeriesKey) -> tuple[str, str, str]:
    return str(key.resource), key.metric, json.dumps(dict(key.labels), sort_keys=True) if key.labels else ""


def key_of(resource: str, metric: str, labels: str) -> SeriesKey:
    told = json.loads(labels) if labels else {}
    return SeriesKey(resource=Resource.parse(resource), metric=metric, labels=tuple(sorted(told.items())))


def microseconds(at: datetime) -> int:
    """Since the Unix epoch."""
    return round(at.timestamp() * 1_000_000)


def _with_nan(values: NDArray[Any]) -> NDArray[np.float64]:
    """DuckDB takes NaN for NULL when it reads an array, and masks it when it gives one."""
    return np.ma.filled(values.astype(np.float64), np.nan)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"

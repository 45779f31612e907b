"""Reads a CSV of one or many series, row by row: `timestamp,value` or `timestamp,cpu,memory,...`.

Used by `detect` and by training from files. It never reads further than it was asked to, so whoever scores as it reads
cannot see the future. What is wrong is told with file, line and value.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recoverops.model import MisconfiguredError, NotFoundError

ROWS = 8192
"""Read and judged at a time."""
_MILLISECONDS_FROM = 1e11
"""A number this large is no second since 1970 of our millennium."""
_NO_VALUE = frozenset({"", "nan", "null", "none", "na"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows that follow each other in the file."""

    stamps: tuple[str, ...]
    """As they are written in the file."""
    at: NDArray[np.float64]
    """(n,) seconds since the Unix epoch; a time without a zone is UTC"""
    values: NDArray[np.float64]
    """(n, columns) NaN = no value"""


class SeriesFile:
    """Raises NotFoundError and MisconfiguredError, when opened and while it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns = self._header()

    def rows(self, size: int = ROWS) -> Iterator[Rows]:
        """At most `size` rows at a time, in the order of the file."""
        kept: list[tuple[int, list[str]]] = []
        with self.path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            next(reader)
            for row in reader:
                if row:
                    kept.append((reader.line_num, row))
                if len(kept) == size:
                    yield self._parsed(kept)
                    kept = []
        if kept:
            yield self._parsed(kept)

    def _header(self) -> tuple[str, ...]:
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                names = [name.strip() for name in next(csv.reader(file), [])]
        except FileNotFoundError as error:
            raise NotFoundError(f"{self.path} does not exist") from error
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise MisconfiguredError(f"{self.path} cannot be read: {error}") from error
        if len(names) < 2 or names[0].lower() not in {"timestamp", "time", "ts"}:
            raise MisconfiguredError(
                f"{self.path}:1: the first line is {','.join(names)!r}, expected `timestamp,value` or `timestamp` and "
                "the names of several metrics"
            )
        if len(set(names)) != len(names):
            raise MisconfiguredError(f"{self.path}:1: a column name stands twice: {','.join(names)}")
        return tuple(names[1:])

    def _parsed(self, rows: Sequence[tuple[int, Sequence[str]]]) -> Rows:
        wanted = len(self.columns) + 1
        at = np.empty(len(rows))
        values = np.empty((len(rows), len(self.columns)))
        for number, (line, row) in enumerate(rows):
            if len(row) != wanted:
                raise MisconfiguredError(
                    f"{self.path}:{line}: {len(row)} columns, expected {wanted} as in the first line"
                )
            at[number] = self._seconds(row[0], line)
            for column, text in enumerate(row[1:]):
                values[number, column] = self._number(text, line, column)
        return Rows(stamps=tuple(row[0] for _, row in rows), at=at, values=values)

    def _seconds(self, text: str, line: int) -> float:
        try:
            number = float(text)
        except ValueError:
            return self._moment(text, line)
        if not math.isfinite(number):
            return self._moment(text, line)
        return number / 1000 if abs(number) >= _MILLISECONDS_FROM else number

    def _moment(self, text: str, line: int) -> float:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError as error:
            raise MisconfiguredError(
                f"{self.path}:{line}: timestamp {text!r} is neither ISO 8601 (2026-03-01 12:00) nor seconds since 1970"
            ) from error
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def _number(self, text: str, line: int, column: int) -> float:
        try:
            return float(text)
        except ValueError:
            if text.strip().lower() in _NO_VALUE:
                return math.nan
        raise MisconfiguredError(
            f"{self.path}:{line}: {self.columns[column]} is {text!r}, expected a number, or nothing where there is none"
        )

"""The samples that wait in memory to be written: bounded in rows and bytes, and searchable like the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recoverops.ports import SeriesKey

BYTES_A_KEY = 300
"""What a key takes in memory, roughly: two objects, and texts of usual length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Samples as they are written to a file."""

    keys: tuple[SeriesKey, ...]
    series: NDArray[np.int32]
    """(n,) position in `keys`"""
    at_us: NDArray[np.int64]
    """(n,) microseconds since the Unix epoch"""
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        return self.series.nbytes + self.at_us.nbytes + self.values.nbytes + BYTES_A_KEY * len(self.keys)

    def where(self, mask: NDArray[np.bool_]) -> Rows:
        return Rows(keys=self.keys, series=self.series[mask], at_us=self.at_us[mask], values=self.values[mask])


def joined(parts: Sequence[Rows]) -> Rows:
    """All of them, in their order, under one table of keys."""
    numbers: dict[SeriesKey, int] = {}
    series: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
    for part in parts:
        table = np.array([numbers.setdefault(key, len(numbers)) for key in part.keys], dtype=np.int32)
        series.append(table[part.series])
    return Rows(
        keys=tuple(numbers),
        series=np.concatenate(series),
        at_us=np.concatenate([np.empty(0, np.int64), *(part.at_us for part in parts)]),
        values=np.concatenate([np.empty(0), *(part.values for part in parts)]),
    )


def newest_of_each(rows: Rows) -> Rows:
    """Without those that a later row of the same series and time replaces; sorted by series, then time."""
    order = np.lexsort((np.arange(len(rows)), rows.at_us, rows.series))
    series, at_us = rows.series[order], rows.at_us[order]
    is_last = np.ones(len(order), dtype=np.bool_)
    is_last[:-1] = (series[1:] != series[:-1]) | (at_us[1:] != at_us[:-1])
    kept = order[is_last]
    return Rows(keys=rows.keys, series=rows.series[kept], at_us=rows.at_us[kept], values=rows.values[kept])


class Buffer:
    """Not thread-safe; its owner has a lock."""

    def __init__(self, *, max_rows: int, max_bytes: int) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._parts: list[Rows] = []
        self.rows = 0
        self.nbytes = 0

    def put(self, rows: Rows) -> int:
        """Keeps as many as there is room for; how many it could not keep."""
        room = max(0, self._max_rows - self.rows)
        if self.nbytes + rows.nbytes > self._max_bytes:
            room = 0
        kept = rows if len(rows) <= room else rows.where(np.arange(len(rows)) < room)
        if len(kept):
            self._parts.append(kept)
            self.rows += len(kept)
            self.nbytes += kept.nbytes
        return len(rows) - len(kept)

    @property
    def is_half_full(self) -> bool:
        return self.rows * 2 >= self._max_rows or self.nbytes * 2 >= self._max_bytes

    def peek(self) -> Rows:
        return joined(self._parts)

    def take(self) -> tuple[Rows, ...]:
        """Everything; the buffer is empty after it."""
        taken, self._parts, self.rows, self.nbytes = tuple(self._parts), [], 0, 0
        return taken

    def put_back(self, taken: tuple[Rows, ...]) -> None:
        """What could not be written is first in the line again. What came since stays, also when it is too much."""
        self._parts[:0] = taken
        self.rows += sum(len(rows) for rows in taken)
        self.nbytes += sum(rows.nbytes for rows in taken)

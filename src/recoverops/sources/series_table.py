"""Label sets to series numbers, for every pushed metric. One thread owns a table; `series_keys.py` does the work.

A key is the label set as remote-write encodes it: sorted by name, in the shortest encoding. What comes over OTLP has
the same form behind two bytes (zero, and its kind), so the two never meet. Bounded in series and in bytes of labels: a
table that is full refuses new series and goes on with the known ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recoverops.model.pushed import Kind
from recoverops.sources.compiled import U8
from recoverops.sources.series_keys import ARENA_END, FREE, Keys, drop_idle, find, hash_of, insert, take_back

NAME: Final = "__name__"
KEY_BYTES: Final = 512
"""Room for labels, on average a series; ordinary label sets have 100 to 300 bytes."""
_SLOTS_A_SERIES: Final = 2


class SeriesTable:
    """Numbers are 0 to `limit` - 1. One that was dropped as idle is given to another series later."""

    def __init__(self, *, limit: int, seed: int) -> None:
        """`seed` has 64 random bits; it keeps senders from choosing labels that slow the table down."""
        self.limit = limit
        self.keys = Keys(
            slots=np.zeros(1 << (limit * _SLOTS_A_SERIES - 1).bit_length(), np.int32),
            hashes=np.zeros(limit, np.uint64),
            starts=np.zeros(limit, np.int64),
            lengths=np.zeros(limit, np.int32),
            arena=np.empty(limit * KEY_BYTES, np.uint8),
            free=np.arange(limit, dtype=np.int32)[::-1].copy(),
            kinds=np.zeros(limit, np.uint8),
            seen=np.zeros(limit, np.float64),
            state=np.array([limit, 0], np.int64),
            seed=np.array([seed], np.uint64),
        )

    def __len__(self) -> int:
        """How many series have a number."""
        return self.limit - int(self.keys.state[FREE])

    def number_of(self, labels: Mapping[str, str], kind: Kind, *, now: float) -> int | None:
        """The number of a series that did not come over remote-write; None when the table is full."""
        key = np.frombuffer(bytes((0, kind)) + encoded(labels), np.uint8).copy()
        key_hash = hash_of(key, 0, len(key), self.keys.seed[0])
        number, slot = find(key, 0, len(key), key_hash, self.keys)
        if number < 0:
            number = insert(key, 0, len(key), key_hash, slot, U8(kind), self.keys)
        if number < 0:
            return None
        self.keys.seen[number] = now
        return int(number)

    def labels(self, series: int) -> dict[str, str]:
        """The labels of a number that is in use, the metric's name under `__name__`."""
        start, length = int(self.keys.starts[series]), int(self.keys.lengths[series])
        key = self.keys.arena[start : start + length].tobytes()
        return dict(_decoded(key[2:] if key[:1] == b"\0" else key))

    def kind(self, series: int) -> Kind:
        return Kind(int(self.keys.kinds[series]))

    def kinds(self) -> NDArray[np.uint8]:
        """(limit,) the `Kind` by number."""
        return self.keys.kinds

    def last_seen(self, series: int) -> float:
        """Seconds since the epoch."""
        return float(self.keys.seen[series])

    def mark(self) -> tuple[int, int]:
        """For `back_to`, before a delivery is read."""
        return int(self.keys.state[FREE]), int(self.keys.state[ARENA_END])

    def back_to(self, mark: tuple[int, int]) -> None:
        """Forgets the series that came in since; a delivery that is refused leaves nothing behind."""
        take_back(self.keys, *mark)

    def drop_idle(self, *, before: float) -> NDArray[np.int32]:
        """Frees the numbers of series that nobody sent since `before`; whoever keeps something by number forgets it."""
        if not np.any((self.keys.lengths > 0) & (self.keys.seen < before)):
            return np.empty(0, np.int32)  # the usual case; the rest moves every key
        dropped = np.empty(self.limit, np.int32)
        count = drop_idle(self.keys, before, dropped, np.empty_like(self.keys.arena))
        return dropped[:count].copy()


def encoded(labels: Mapping[str, str]) -> bytes:
    """The label set as remote-write has it: repeated field 1, a message of name (1) and value (2)."""
    parts = bytearray()
    for name, value in sorted((name.encode(), value.encode()) for name, value in labels.items()):
        label = b"\x0a" + _length(name) + name + b"\x12" + _length(value) + value
        parts += b"\x0a" + _length(label) + label
    return bytes(parts)


def _length(of: bytes) -> bytes:
    left, varint = len(of), bytearray()
    while left > 0x7F:
        varint.append(left & 0x7F | 0x80)
        left >>= 7
    varint.append(left)
    return bytes(varint)


def _decoded(key: bytes) -> Iterator[tuple[str, str]]:
    """The pairs of a key; it was checked when it came in."""
    at = 0
    while at < len(key):
        _, at = _read_length(key, at + 1)
        length, at = _read_length(key, at + 1)
        name, at = key[at : at + length], at + length
        length, at = _read_length(key, at + 1)
        value, at = key[at : at + length], at + length
        yield name.decode(), value.decode()


def _read_length(key: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while key[at] & 0x80:
        value |= (key[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | key[at] << shift, at + 1

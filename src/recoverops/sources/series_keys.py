"""Kernels of the series table: hash, find, insert, take back, rebuild. Called by `series_table.py` and by the scanners.

Open addressing with linear probing over at most half-full slots. A hash only says where to look; two keys are the same
series when all their bytes are the same. Every index into bytes is checked by the caller: 0 <= start, start + length
<= len(source).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from recoverops.sources.compiled import I64, compiled

U64 = np.uint64
_WORD, _TWO_WORDS = U64(8), U64(16)
_MULTIPLIER = U64(0x9E3779B97F4A7C15)
_FINISHER = U64(0xD6E8FEB86659FD93)
FREE, ARENA_END = 0, 1
"""places in `Keys.state`: how many numbers are free, and how many bytes of the arena are used"""
NO_ROOM = -1


class Keys(NamedTuple):
    """The arrays of the table. All have their final size from the start; memory is taken where they are touched."""

    slots: NDArray[np.int32]
    """(a power of two,) number + 1, or 0 = empty"""
    hashes: NDArray[np.uint64]
    """(limit,) by number"""
    starts: NDArray[np.int64]
    """(limit,) where the key begins in the arena"""
    lengths: NDArray[np.int32]
    """(limit,) bytes of the key; 0 = the number is free"""
    arena: NDArray[np.uint8]
    free: NDArray[np.int32]
    """(limit,) a stack of free numbers. What was taken last stays above its top, so taking back is lifting the top."""
    kinds: NDArray[np.uint8]
    """(limit,) a `Kind`"""
    seen: NDArray[np.float64]
    """(limit,) when it was last sent, seconds since the epoch"""
    state: NDArray[np.int64]
    seed: NDArray[np.uint64]
    """(1,) secret, so that nobody can choose keys that meet"""


_i1, _i4, _i8 = numba.types.uint8[::1], numba.types.int32[::1], numba.types.int64[::1]
_u8, _f8 = numba.types.uint64[::1], numba.types.float64[::1]
KEYS: Any = numba.types.NamedTuple((_i4, _u8, _i8, _i4, _i1, _i4, _i1, _f8, _i8, _u8), Keys)
BYTES: Any = _i1
INT, WORD, REAL, BYTE = numba.types.int64, numba.types.uint64, numba.types.float64, numba.types.uint8


@compiled(WORD(BYTES, WORD))
def word_at(source: NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """Eight bytes, little endian; the compiler makes one load of it."""
    return U64(
        U64(source[at])
        | (U64(source[at + U64(1)]) << U64(8))
        | (U64(source[at + U64(2)]) << U64(16))
        | (U64(source[at + U64(3)]) << U64(24))
        | (U64(source[at + U64(4)]) << U64(32))
        | (U64(source[at + U64(5)]) << U64(40))
        | (U64(source[at + U64(6)]) << U64(48))
        | (U64(source[at + U64(7)]) << U64(56))
    )


@compiled(WORD(BYTES, INT, INT, WORD))
def hash_of(source: NDArray[np.uint8], start: int, length: int, seed: np.uint64) -> np.uint64:
    """Multiply and mix, in two lanes of eight bytes; the length goes in first, the last eight bytes once more."""
    at, left = U64(start), U64(length)
    mixed = seed ^ (left * _FINISHER)
    other = mixed + _MULTIPLIER
    while left >= _TWO_WORDS:
        mixed = (mixed ^ word_at(source, at)) * _MULTIPLIER
        other = (other ^ word_at(source, at + _WORD)) * _FINISHER
        mixed ^= mixed >> U64(29)
        other ^= other >> U64(31)
        at += _TWO_WORDS
        left -= _TWO_WORDS
    mixed = (mixed ^ other) * _MULTIPLIER
    if left >= _WORD:
        mixed = (mixed ^ word_at(source, at)) * _FINISHER
        mixed ^= mixed >> U64(29)
    if length >= 8:
        mixed = (mixed ^ word_at(source, U64(start + length - 8))) * _MULTIPLIER
    else:
        for step in range(length):
            mixed = (mixed ^ U64(source[at + U64(step)])) * _MULTIPLIER
    mixed ^= mixed >> U64(32)
    mixed *= _FINISHER
    return mixed ^ (mixed >> U64(29))


@compiled(numba.types.boolean(BYTES, INT, BYTES, INT, INT))
def is_equal(one: NDArray[np.uint8], one_start: int, other: NDArray[np.uint8], other_start: int, length: int) -> bool:
    """Without an early end, so that the compiler compares many bytes at once."""
    a, b = U64(one_start), U64(other_start)
    differs = np.uint8(0)
    for step in range(U64(length)):  # unsigned, so no index is ever checked for its sign
        differs |= one[a + U64(step)] ^ other[b + U64(step)]
    return bool(differs == 0)


@compiled(numba.types.UniTuple(INT, 2)(BYTES, INT, INT, WORD, KEYS))
def find(source: NDArray[np.uint8], start: int, length: int, key_hash: np.uint64, keys: Keys) -> tuple[int, int]:
    """(number or -1, the slot where the search ended)."""
    mask = len(keys.slots) - 1
    slot = I64(key_hash & U64(mask))
    while keys.slots[slot] != 0:
        number = I64(keys.slots[slot]) - 1
        if (
            keys.hashes[number] == key_hash
            and keys.lengths[number] == length
            and is_equal(source, start, keys.arena, keys.starts[number], length)
        ):
            return number, slot
        slot = (slot + 1) & mask
    return -1, slot


@compiled(INT(BYTES, INT, INT, WORD, INT, BYTE, KEYS))
def insert(
    source: NDArray[np.uint8], start: int, length: int, key_hash: np.uint64, slot: int, kind: int, keys: Keys
) -> int:
    """The number of a key that `find` did not find, put into the slot that it named; NO_ROOM when the table is full."""
    end = keys.state[ARENA_END]
    if keys.state[FREE] == 0 or end + length > len(keys.arena):
        return NO_ROOM
    keys.state[FREE] -= 1
    number = I64(keys.free[keys.state[FREE]])
    keys.arena[end : end + length] = source[start : start + length]
    keys.state[ARENA_END] = end + length
    keys.starts[number] = end
    keys.lengths[number] = length
    keys.hashes[number] = key_hash
    keys.kinds[number] = kind
    keys.slots[slot] = number + 1
    return int(number)


@compiled(numba.types.void(KEYS, INT, INT))
def take_back(keys: Keys, free: int, arena_end: int) -> None:
    """Undoes the newest insertions, back to when the state was `free` and `arena_end`.

    The newest keys are at the end of every chain of slots, so emptying their slots breaks none.
    """
    mask = len(keys.slots) - 1
    for place in range(keys.state[FREE], free):
        number = I64(keys.free[place])
        slot = I64(keys.hashes[number] & U64(mask))
        while keys.slots[slot] != number + 1:
            slot = (slot + 1) & mask
        keys.slots[slot] = 0
        keys.lengths[number] = 0
    keys.state[FREE] = free
    keys.state[ARENA_END] = arena_end


@compiled(INT(KEYS, REAL, _i4, BYTES))
def drop_idle(keys: Keys, before: float, dropped: NDArray[np.int32], spare: NDArray[np.uint8]) -> int:
    """Frees every number not seen since `before`; how many, their numbers first in `dropped`.

    The other keys are moved together through `spare`, which is as large as the arena.
    """
    count, end = 0, 0
    mask = len(keys.slots) - 1
    keys.slots[:] = 0
    for number in range(len(keys.lengths)):
        length = I64(keys.lengths[number])
        if length == 0:
            continue
        if keys.seen[number] < before:
            dropped[count] = number
            count += 1
            keys.lengths[number] = 0
            keys.free[keys.state[FREE]] = number
            keys.state[FREE] += 1
            continue
        start = keys.starts[number]
        spare[end : end + length] = keys.arena[start : start + length]
        keys.starts[number] = end
        end += length
        slot = I64(keys.hashes[number] & U64(mask))
        while keys.slots[slot] != 0:
            slot = (slot + 1) & mask
        keys.slots[slot] = number + 1
    keys.arena[:end] = spare[:end]
    keys.state[ARENA_END] = end
    return count

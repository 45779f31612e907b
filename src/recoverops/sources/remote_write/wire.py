"""Kernels that read protobuf's wire format, and the names of what can be wrong with it. Called by `scan.py`.

Nothing is read at or behind `end`, whatever the bytes say. A position below zero is a fault, negated.
"""

from __future__ import annotations

from enum import IntEnum

import numba
import numpy as np
from numpy.typing import NDArray

from recoverops.sources.compiled import I64, compiled
from recoverops.sources.series_keys import BYTES, INT, U64, WORD

VARINT, FIXED64, MESSAGE, FIXED32 = 0, 1, 2, 5
"""wire types; 3 and 4 are groups, which no message here ever had"""


class Fault(IntEnum):
    """What is wrong with a body. Numbers, because kernels raise nothing."""

    NONE = 0
    TRUNCATED = 1
    OVERFLOW = 2
    WRONG_TYPE = 3
    BAD_TAG = 4
    TOO_LONG = 5
    NOT_UTF8 = 6
    NOT_CANONICAL = 7
    NOT_SORTED = 8
    EMPTY_LABEL = 9
    NO_NAME = 10
    TOO_MANY = 11


TRUNCATED, OVERFLOW, WRONG_TYPE, BAD_TAG, TOO_LONG = (
    int(Fault.TRUNCATED),
    int(Fault.OVERFLOW),
    int(Fault.WRONG_TYPE),
    int(Fault.BAD_TAG),
    int(Fault.TOO_LONG),
)
_LARGEST_TAG = U64(0xFFFFFFFF)


@compiled(numba.types.Tuple((WORD, INT))(BYTES, INT, INT))
def varint(body: NDArray[np.uint8], at: int, end: int) -> tuple[np.uint64, int]:
    """(value, position behind it). At most ten bytes and 64 bits."""
    if at < end and body[U64(at)] < 0x80:
        return U64(body[U64(at)]), at + 1
    value, shift = U64(0), U64(0)
    for count in range(10):
        if at >= end:
            return U64(0), -TRUNCATED
        byte = U64(body[U64(at)])
        at += 1
        if count == 9 and byte > U64(1):
            return U64(0), -OVERFLOW
        value |= (byte & U64(0x7F)) << shift
        if byte < U64(0x80):
            return value, at
        shift += U64(7)
    return U64(0), -OVERFLOW


@compiled(numba.types.UniTuple(INT, 3)(BYTES, INT, INT))
def tag(body: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int]:
    """(field number, wire type, position behind the tag)."""
    value, at = varint(body, at, end)
    if at < 0:
        return 0, 0, at
    if value > _LARGEST_TAG or value < U64(8):
        return 0, 0, -BAD_TAG
    return I64(value >> U64(3)), I64(value & U64(7)), at


@compiled(numba.types.UniTuple(INT, 2)(BYTES, INT, INT))
def enter(body: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """(first position, position behind the last) of what has its length before it."""
    length, at = varint(body, at, end)
    if at < 0:
        return at, at
    if length > U64(end - at):
        return -TOO_LONG, -TOO_LONG
    return at, at + I64(length)


@compiled(INT(BYTES, INT, INT, INT))
def skip(body: NDArray[np.uint8], at: int, end: int, wire: int) -> int:
    """The position behind a field that nobody here knows; `at` is behind its tag."""
    if wire == VARINT:
        _, at = varint(body, at, end)
        return at
    if wire == MESSAGE:
        _, at = enter(body, at, end)
        return at
    if wire not in (FIXED64, FIXED32):
        return -BAD_TAG
    at += 8 if wire == FIXED64 else 4
    return at if at <= end else -TRUNCATED

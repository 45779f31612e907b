"""Kernel that checks the labels of a series which the table does not know yet. Called by `scan.py`.

Remote-write 1.0 wants them sorted by name, each name once, nothing empty, in UTF-8, with a `__name__`. The encoding has
to be the shortest, so that one label set has one key. Known keys were checked when they came first.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from recoverops.model.pushed import Kind
from recoverops.sources.compiled import I64, compiled
from recoverops.sources.remote_write.wire import Fault, enter
from recoverops.sources.series_keys import BYTES, INT

_FIRST, _SECOND = 0x0A, 0x12
"""tags of field 1 and field 2, both with a length"""
_NOT_UTF8, _NOT_CANONICAL, _NOT_SORTED, _EMPTY_LABEL, _NO_NAME = (
    int(Fault.NOT_UTF8),
    int(Fault.NOT_CANONICAL),
    int(Fault.NOT_SORTED),
    int(Fault.EMPTY_LABEL),
    int(Fault.NO_NAME),
)
_GAUGE, _COUNTER = int(Kind.GAUGE), int(Kind.COUNTER)
_TEXT = numba.types.Array(numba.types.uint8, 1, "C", readonly=True)
_NAME = np.frombuffer(b"__name__", np.uint8)
_TOTAL = np.frombuffer(b"_total", np.uint8)
_COUNT = np.frombuffer(b"_count", np.uint8)
_BUCKET = np.frombuffer(b"_bucket", np.uint8)
_SUM = np.frombuffer(b"_sum", np.uint8)


@compiled(numba.types.UniTuple(INT, 2)(BYTES, INT, INT, INT))
def _part(key: NDArray[np.uint8], at: int, end: int, expected: int) -> tuple[int, int]:
    """Where the bytes of a field with that tag begin and end. Empty and absent are the same, and refused."""
    if at >= end:
        return -_EMPTY_LABEL, 0
    if key[at] != expected:
        return (-_EMPTY_LABEL if key[at] == _SECOND else -_NOT_CANONICAL), 0
    start, stop = enter(key, at + 1, end)
    if start < 0:
        return start, 0
    if stop == start:
        return -_EMPTY_LABEL, 0
    if start - at > 2 and key[start - 1] == 0:
        return -_NOT_CANONICAL, 0
    return start, stop


@compiled(numba.types.boolean(BYTES, INT, INT, _TEXT))
def _ends(key: NDArray[np.uint8], start: int, end: int, text: NDArray[np.uint8]) -> bool:
    begin = end - len(text)
    if begin < start:
        return False
    differs = 0
    for step in range(len(text)):
        differs |= key[begin + step] ^ text[step]
    return differs == 0


@compiled(numba.types.boolean(BYTES, INT, INT, _TEXT))
def _is(key: NDArray[np.uint8], start: int, end: int, text: NDArray[np.uint8]) -> bool:
    if end - start != len(text):
        return False
    return _ends(key, start, end, text)


@compiled(numba.types.boolean(BYTES, INT, INT))
def _is_counter(key: NDArray[np.uint8], start: int, end: int) -> bool:
    return (
        _ends(key, start, end, _TOTAL)
        or _ends(key, start, end, _COUNT)
        or _ends(key, start, end, _BUCKET)
        or _ends(key, start, end, _SUM)
    )


@compiled(numba.types.boolean(BYTES, INT, INT, INT, INT))
def _is_less(key: NDArray[np.uint8], one: int, one_end: int, other: int, other_end: int) -> bool:
    """Byte by byte, which for UTF-8 is the order of the characters."""
    while one < one_end and other < other_end:
        if key[one] != key[other]:
            return bool(key[one] < key[other])
        one += 1
        other += 1
    return one == one_end and other < other_end


@compiled(numba.types.UniTuple(INT, 2)(INT))
def _second_byte(lead: int) -> tuple[int, int]:
    """What the byte behind this lead may be; the only one whose range depends on it."""
    if lead == 0xE0:
        return 0xA0, 0xBF
    if lead == 0xED:
        return 0x80, 0x9F
    if lead == 0xF0:
        return 0x90, 0xBF
    if lead == 0xF4:
        return 0x80, 0x8F
    return 0x80, 0xBF


@compiled(numba.types.boolean(BYTES, INT, INT))
def is_utf8(key: NDArray[np.uint8], at: int, end: int) -> bool:
    """As RFC 3629 has it: shortest forms, no surrogates, nothing above U+10FFFF."""
    while at < end:
        lead = I64(key[at])
        at += 1
        if lead < 0x80:
            continue
        following = 1 if lead < 0xE0 else 2 if lead < 0xF0 else 3
        if lead < 0xC2 or lead > 0xF4 or at + following > end:
            return False
        low, high = _second_byte(lead)
        is_good = low <= key[at] <= high
        for step in range(1, following):
            is_good = is_good and key[at + step] & 0xC0 == 0x80
        if not is_good:
            return False
        at += following
    return True


@compiled(numba.types.UniTuple(INT, 6)(BYTES, INT, INT))
def _label(key: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int, int, int, int]:
    """(fault, where, first and last + 1 of the name, of the value); the label ends where its value does."""
    inside, stop = _part(key, at, end, _FIRST)
    if inside < 0:
        return -inside, at, 0, 0, 0, 0
    name, name_end = _part(key, inside, stop, _FIRST)
    if name < 0:
        return -name, inside, 0, 0, 0, 0
    value, value_end = _part(key, name_end, stop, _SECOND)
    if value < 0:
        return -value, name_end, 0, 0, 0, 0
    if value_end != stop:
        return _NOT_CANONICAL, value_end, 0, 0, 0, 0
    is_text = is_utf8(key, name, name_end) and is_utf8(key, value, value_end)
    return 0 if is_text else _NOT_UTF8, name, name, name_end, value, value_end


@compiled(numba.types.UniTuple(INT, 2)(BYTES, INT, INT))
def check_labels(key: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """(the `Kind` that the metric's name tells, where), or (a fault, negated, and where)."""
    kind, start = -_NO_NAME, at
    before, before_end = 0, -1
    while at < end:
        fault, where, name, name_end, value, value_end = _label(key, at, end)
        if fault != 0:
            return -fault, where
        if before_end >= 0 and not _is_less(key, before, before_end, name, name_end):
            return -_NOT_SORTED, name
        if _is(key, name, name_end, _NAME):
            kind = _COUNTER if _is_counter(key, value, value_end) else _GAUGE
        before, before_end, at = name, name_end, value_end
    return kind, start

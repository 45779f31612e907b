"""The compiled scanner: a remote-write 1.0 WriteRequest straight into columns. Called by `decode.py`.

    WriteRequest  timeseries = 1, metadata = 3
    TimeSeries    labels = 1, samples = 2, exemplars = 3, histograms = 4
    Sample        value = 1 (double), timestamp = 2 (int64, milliseconds)

Fields may come in any order and a repeated scalar's last value counts, as protobuf has it. Unknown fields are skipped,
a known field with another wire type is refused. Nothing is raised: the answer names a fault and where.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from recoverops.sources.compiled import I64, U8, compiled
from recoverops.sources.remote_write.labels import check_labels
from recoverops.sources.remote_write.wire import FIXED64, MESSAGE, VARINT, WRONG_TYPE, Fault, enter, skip, tag, varint
from recoverops.sources.series_keys import BYTES, INT, KEYS, REAL, U64, Keys, find, hash_of, insert, word_at

STALE = U64(0x7FF0000000000002)
"""Prometheus' marker: this series has ended"""
_NAN = U64(0x7FF8000000000000)
_TRUNCATED, _TOO_MANY, _NO_NAME = int(Fault.TRUNCATED), int(Fault.TOO_MANY), int(Fault.NO_NAME)

METADATA, EXEMPLARS, HISTOGRAMS, REFUSED = 0, 1, 2, 3
"""places in `Output.counts`"""


class Output(NamedTuple):
    """Columns to fill, one row a sample. Times are whole milliseconds, values the bits of a double."""

    series: NDArray[np.int32]
    at_ms: NDArray[np.int64]
    bits: NDArray[np.uint64]
    stale: NDArray[np.uint8]
    counts: NDArray[np.int64]


OUTPUT: Any = numba.types.NamedTuple(
    (numba.types.int32[::1], numba.types.int64[::1], numba.types.uint64[::1], BYTES, numba.types.int64[::1]), Output
)
_ANSWER = numba.types.UniTuple(INT, 3)


@compiled(numba.types.UniTuple(INT, 2)(BYTES, INT, INT, OUTPUT, INT))
def _sample(body: NDArray[np.uint8], at: int, end: int, out: Output, row: int) -> tuple[int, int]:
    """(fault, where)"""
    bits, at_ms = U64(0), U64(0)
    while at < end:
        began = at
        field, wire, at = tag(body, at, end)
        if at < 0:
            return -at, began
        if field == 1:
            if wire != FIXED64:
                return WRONG_TYPE, began
            if end - at < 8:
                return _TRUNCATED, began
            bits = word_at(body, U64(at))
            at += 8
        elif field == 2:
            if wire != VARINT:
                return WRONG_TYPE, began
            at_ms, at = varint(body, at, end)
        else:
            at = skip(body, at, end, wire)
        if at < 0:
            return -at, began
    out.stale[row] = bits == STALE
    out.bits[row] = _NAN if bits == STALE else bits
    out.at_ms[row] = I64(at_ms)
    return 0, 0


@compiled(_ANSWER(BYTES, INT, INT, KEYS))
def _number(key: NDArray[np.uint8], start: int, end: int, keys: Keys) -> tuple[int, int, int]:
    """(fault, where, number or NO_ROOM)"""
    if start == end:
        return _NO_NAME, start, 0
    key_hash = hash_of(key, start, end - start, keys.seed[0])
    number, slot = find(key, start, end - start, key_hash, keys)
    if number >= 0:
        return 0, 0, number
    kind, where = check_labels(key, start, end)
    if kind < 0:
        return -kind, where, 0
    return 0, 0, insert(key, start, end - start, key_hash, slot, U8(kind), keys)


@compiled(BYTES(BYTES, INT, INT))
def _gathered(body: NDArray[np.uint8], at: int, end: int) -> NDArray[np.uint8]:
    """The label fields of a series that has other fields between them, one behind the other; it was walked before."""
    key = np.empty(end - at, np.uint8)
    size = 0
    while at < end:
        began = at
        field, wire, at = tag(body, at, end)
        at = skip(body, at, end, wire)
        if field == 1:
            key[size : size + at - began] = body[began:at]
            size += at - began
    return key[:size]


@compiled(INT(BYTES, INT, INT))
def _behind_labels(body: NDArray[np.uint8], at: int, end: int) -> int:
    """The position behind the labels with which every series begins, as far as they are short; the rest is walked."""
    while end - at >= 2 and body[U64(at)] == 0x0A and body[U64(at + 1)] < 0x80:
        following = at + 2 + I64(body[U64(at + 1)])
        if following > end:
            break
        at = following
    return at


@compiled(numba.types.UniTuple(INT, 2)(BYTES, INT, INT, numba.types.boolean, INT))
def _content(body: NDArray[np.uint8], at: int, end: int, is_known: bool, wire: int) -> tuple[int, int]:
    """(where a field's content begins, the position behind the field). Known fields are messages here."""
    if not is_known:
        return at, skip(body, at, end, wire)
    if wire != MESSAGE:
        return -WRONG_TYPE, -WRONG_TYPE
    return enter(body, at, end)


@compiled(numba.types.UniTuple(INT, 6)(BYTES, INT, INT, OUTPUT, INT))
def _walk(body: NDArray[np.uint8], start: int, end: int, out: Output, rows: int) -> tuple[int, int, int, int, int, int]:
    """(fault, where, row behind the samples, first and last + 1 of the labels, 1 when something is between them)."""
    at, row = _behind_labels(body, start, end), rows
    key_start, key_end, is_scattered = start, at, 0
    while at < end:
        began = at
        field, wire, at = tag(body, at, end)
        inside = at
        if at >= 0:
            inside, at = _content(body, at, end, field <= 4, wire)
        if at < 0:
            return -at, began, rows, 0, 0, 0
        if field == 1:
            key_start = began if key_start == key_end else key_start
            is_scattered |= I64(began not in (key_start, key_end))
            key_end = at
        elif field == 2:
            fault, where = (_TOO_MANY, began) if row == len(out.series) else _sample(body, inside, at, out, row)
            if fault != 0:
                return fault, where, rows, 0, 0, 0
            row += 1
        elif field <= 4:
            out.counts[EXEMPLARS if field == 3 else HISTOGRAMS] += 1
    return 0, 0, row, key_start, key_end, is_scattered


@compiled(_ANSWER(BYTES, INT, INT, KEYS, OUTPUT, INT, REAL))
def _series(
    body: NDArray[np.uint8], start: int, end: int, keys: Keys, out: Output, rows: int, now: float
) -> tuple[int, int, int]:
    """(fault, where, rows after it)"""
    fault, where, row, key_start, key_end, is_scattered = _walk(body, start, end, out, rows)
    if fault != 0:
        return fault, where, rows
    if is_scattered != 0:
        key = _gathered(body, start, end)
        fault, where, number = _number(key, 0, len(key), keys)
        where = start
    else:
        fault, where, number = _number(body, key_start, key_end, keys)
    if fault != 0:
        return fault, where, rows
    if number < 0:
        out.counts[REFUSED] += row - rows
        return 0, 0, rows
    keys.seen[number] = now
    for one in range(rows, row):
        out.series[one] = number
    return 0, 0, row


@compiled(_ANSWER(BYTES, KEYS, OUTPUT, REAL))
def scan(body: NDArray[np.uint8], keys: Keys, out: Output, now: float) -> tuple[int, int, int]:
    """(fault, where, rows). After a fault the caller takes back what the table has learned."""
    at, end, rows = 0, len(body), 0
    while at < end:
        began = at
        field, wire, at = tag(body, at, end)
        inside = at
        if at >= 0:
            inside, at = _content(body, at, end, field in (1, 3), wire)
        if at < 0:
            return -at, began, 0
        if field == 1:
            fault, where, rows = _series(body, inside, at, keys, out, rows, now)
            if fault != 0:
                return fault, where, 0
        elif field == 3:
            out.counts[METADATA] += 1
    return 0, 0, rows

"""Protobuf's wire format in plain Python, bounds checked. Called by `binary.py`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from recoverops.model import PermanentError


class Wire(IntEnum):
    VARINT = 0
    FIXED64 = 1
    MESSAGE = 2
    FIXED32 = 5


class Field(NamedTuple):
    number: int
    wire: Wire
    value: int
    """of a number; of a message the position of its first byte"""
    end: int
    """position behind the field"""
    began: int


_FIXED = {Wire.FIXED64: 8, Wire.FIXED32: 4}
_LARGEST_TAG = (1 << 32) - 1


def refused(why: str, at: int) -> PermanentError:
    return PermanentError(f"this is no OTLP metrics request: {why} (byte {at})")


def fields(body: bytes, at: int, end: int) -> Iterator[Field]:
    """The fields between two positions. Raises PermanentError naming the byte where the format is left."""
    while at < end:
        began = at
        tag, at = _varint(body, at, end)
        number, code = tag >> 3, tag & 7
        if number == 0 or tag > _LARGEST_TAG or code not in (0, 1, 2, 5):
            raise refused("there is a field number or wire type that does not exist", began)
        wire = Wire(code)
        if wire is Wire.VARINT:
            value, at = _varint(body, at, end)
        elif wire is Wire.MESSAGE:
            length, value = _varint(body, at, end)
            if length > end - value:
                raise refused("a length is negative or leads beyond the end of its message", began)
            at = value + length
        else:
            size = _FIXED[wire]
            if size > end - at:
                raise refused("it ends in the middle of a field", began)
            value, at = int.from_bytes(body[at : at + size], "little"), at + size
        yield Field(number, wire, value, at, began)


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    began, value = at, 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise refused("it ends in the middle of a field", began)
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, at
    raise refused("there is a number of more than 64 bits", began)

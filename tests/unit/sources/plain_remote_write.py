"""Remote-write 1.0 in plain Python, slow and easy to check: an encoder, and what the compiled decoder must equal."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import cramjam

STALE = 0x7FF0000000000002
VARINT, FIXED64, MESSAGE, FIXED32 = 0, 1, 2, 5


class RefusedError(Exception):
    """The body is no WriteRequest."""


@dataclass
class Series:
    labels: dict[str, str]
    samples: list[tuple[float, int]] = field(default_factory=list)
    """(value, milliseconds)"""


@dataclass
class Decoded:
    samples: list[tuple[tuple[tuple[str, str], ...], int, int]] = field(default_factory=list)
    """(labels, milliseconds, the value's bits) in the order of the body"""
    metadata: int = 0
    exemplars: int = 0
    histograms: int = 0


# writing


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | MESSAGE) + varint(len(content)) + content


def label(name: bytes, value: bytes) -> bytes:
    return message(1, message(1, name) + message(2, value))


def labels(pairs: dict[str, str]) -> bytes:
    return b"".join(label(name.encode(), value.encode()) for name, value in sorted(pairs.items()))


def bits_of(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def sample(bits: int, at_ms: int) -> bytes:
    """As Prometheus writes it: a zero is left out."""
    parts = b"\x09" + struct.pack("<Q", bits) if bits else b""
    return message(2, parts + (b"\x10" + varint(at_ms) if at_ms else b""))


def request(series: Iterable[Series]) -> bytes:
    return b"".join(
        message(1, labels(one.labels) + b"".join(sample(bits_of(value), at) for value, at in one.samples))
        for one in series
    )


def packed(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


# reading


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count in range(10):
        if at >= len(data):
            raise RefusedError("truncated")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if value >= 1 << 64:
                raise RefusedError("overflow")
            return value, at
    raise RefusedError("overflow")


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes, bytes]]:
    """(field number, wire type, content, the whole field)"""
    at = 0
    while at < len(data):
        began = at
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0 or tag >= 1 << 32:
            raise RefusedError("bad tag")
        content: int | bytes
        if wire == VARINT:
            content, at = read_varint(data, at)
        elif wire in (FIXED64, FIXED32, MESSAGE):
            size = {FIXED64: 8, FIXED32: 4}.get(wire, 0)
            if wire == MESSAGE:
                size, at = read_varint(data, at)
            if len(data) - at < size:
                raise RefusedError("too long")
            content, at = data[at : at + size], at + size
        else:
            raise RefusedError("bad tag")
        yield number, wire, content, data[began:at]


def of_type(wire: int, expected: int) -> None:
    if wire != expected:
        raise RefusedError("wrong type")


def plain_decode(data: bytes) -> Decoded:
    decoded = Decoded()
    for number, wire, content, _ in fields(data):
        if number in (1, 3):
            of_type(wire, MESSAGE)
        if number == 1:
            assert isinstance(content, bytes)
            _series(content, decoded)
        elif number == 3:
            decoded.metadata += 1
    return decoded


def _series(data: bytes, decoded: Decoded) -> None:
    key = b""
    samples: list[tuple[int, int]] = []
    for number, wire, content, whole in fields(data):
        if number > 4:
            continue
        of_type(wire, MESSAGE)
        assert isinstance(content, bytes)
        if number == 1:
            key += whole
        elif number == 2:
            samples.append(_sample(content))
        elif number == 3:
            decoded.exemplars += 1
        else:
            decoded.histograms += 1
    named = _labels(key)
    decoded.samples.extend((named, at, bits) for bits, at in samples)


def _sample(data: bytes) -> tuple[int, int]:
    bits, at = 0, 0
    for number, wire, content, _ in fields(data):
        if number == 1:
            of_type(wire, FIXED64)
            assert isinstance(content, bytes)
            bits = int.from_bytes(content, "little")
        elif number == 2:
            of_type(wire, VARINT)
            assert isinstance(content, int)
            at = content - (1 << 64) if content >= 1 << 63 else content
    return bits, at


def _labels(key: bytes) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for _, _, content, _ in fields(key):
        assert isinstance(content, bytes)
        parts = {number: text for number, _, text, _ in fields(content) if isinstance(text, bytes)}
        try:
            pairs.append((parts.get(1, b"").decode(), parts.get(2, b"").decode()))
        except UnicodeDecodeError as error:
            raise RefusedError("not UTF-8") from error
    names = [name for name, _ in pairs]
    if "__name__" not in names or len(set(names)) != len(names) or not all(name and value for name, value in pairs):
        raise RefusedError("labels")
    if b"".join(label(name.encode(), value.encode()) for name, value in sorted(pairs, key=_bytewise)) != key:
        raise RefusedError("not sorted, or not in the shortest form")
    return tuple(pairs)


def _bytewise(pair: tuple[str, str]) -> bytes:
    return pair[0].encode()


def many(count: int, *, samples: Sequence[tuple[float, int]] = ((1.5, 1_767_225_600_000),)) -> list[Series]:
    """Series as a scraped service has them, with one sample each unless told otherwise."""
    return [
        Series(
            {
                "__name__": f"http_request_duration_seconds_{number % 50}",
                "handler": f"/api/v1/orders/{number % 97}",
                "instance": f"10.0.{number // 250}.{number % 250}:8080",
                "job": "checkout",
                "le": "0.25",
                "method": "GET",
                "number": str(number),
            },
            list(samples),
        )
        for number in range(count)
    ]

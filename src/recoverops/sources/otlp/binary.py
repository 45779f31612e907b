"""An OTLP metrics request in protobuf to the objects of `shape.py`. Pure; called by `decode.py`.

One table says which field of which message is what; everything else is skipped. A known field with another wire type is
refused. As protobuf has it, a repeated scalar's last value counts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from recoverops.sources.otlp.shape import (
    Attribute,
    ExponentialHistogram,
    ExponentialPoint,
    Gauge,
    Histogram,
    HistogramPoint,
    Metric,
    MetricsRequest,
    NumberPoint,
    Part,
    Resource,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryPoint,
    Value,
)
from recoverops.sources.otlp.wire import Field, Wire, fields, refused


class _Slot(NamedTuple):
    name: str
    wire: Wire
    read: Callable[[bytes, Field], Any]
    is_list: bool = False


def _one(name: str, cls: type[Part]) -> _Slot:
    return _Slot(name, Wire.MESSAGE, lambda body, field: _message(body, field.value, field.end, cls))


def _many(name: str, cls: type[Part]) -> _Slot:
    return _one(name, cls)._replace(is_list=True)


def _text(name: str) -> _Slot:
    return _Slot(name, Wire.MESSAGE, _read_text)


def _whole(name: str) -> _Slot:
    return _Slot(name, Wire.VARINT, lambda _, field: field.value)


def _signed(name: str, wire: Wire = Wire.VARINT) -> _Slot:
    return _Slot(name, wire, lambda _, field: field.value - (1 << 64) if field.value >> 63 else field.value)


def _fixed(name: str) -> _Slot:
    return _Slot(name, Wire.FIXED64, lambda _, field: field.value)


def _real(name: str) -> _Slot:
    return _Slot(name, Wire.FIXED64, lambda _, field: struct.unpack("<d", field.value.to_bytes(8, "little"))[0])


def _opaque(name: str) -> _Slot:
    """That it is there is all that matters."""
    return _Slot(name, Wire.MESSAGE, lambda _, __: True)


def _read_text(body: bytes, field: Field) -> str:
    try:
        return body[field.value : field.end].decode()
    except UnicodeDecodeError as error:
        raise refused("a text is not UTF-8", field.began) from error


_TIMES: Final = {2: _fixed("start_time_unix_nano"), 3: _fixed("time_unix_nano")}
_SUMMED: Final = {**_TIMES, 4: _fixed("count"), 5: _real("sum")}

_MESSAGES: Final[Mapping[type[Part], Mapping[int, _Slot]]] = {
    MetricsRequest: {1: _many("resource_metrics", ResourceMetrics)},
    ResourceMetrics: {1: _one("resource", Resource), 2: _many("scope_metrics", ScopeMetrics)},
    Resource: {1: _many("attributes", Attribute)},
    ScopeMetrics: {2: _many("metrics", Metric)},
    Metric: {
        1: _text("name"),
        5: _one("gauge", Gauge),
        7: _one("sum", Sum),
        9: _one("histogram", Histogram),
        10: _one("exponential_histogram", ExponentialHistogram),
        11: _one("summary", Summary),
    },
    Gauge: {1: _many("data_points", NumberPoint)},
    Sum: {
        1: _many("data_points", NumberPoint),
        2: _whole("aggregation_temporality"),
        3: _Slot("is_monotonic", Wire.VARINT, lambda _, field: field.value != 0),
    },
    Histogram: {1: _many("data_points", HistogramPoint), 2: _whole("aggregation_temporality")},
    ExponentialHistogram: {1: _many("data_points", ExponentialPoint), 2: _whole("aggregation_temporality")},
    Summary: {1: _many("data_points", SummaryPoint)},
    HistogramPoint: {**_SUMMED, 9: _many("attributes", Attribute), 10: _whole("flags")},
    ExponentialPoint: {**_SUMMED, 1: _many("attributes", Attribute), 10: _whole("flags")},
    SummaryPoint: {**_SUMMED, 7: _many("attributes", Attribute), 8: _whole("flags")},
    NumberPoint: {
        **_TIMES,
        4: _real("as_double"),
        6: _signed("as_int", Wire.FIXED64),
        7: _many("attributes", Attribute),
        8: _whole("flags"),
    },
    Attribute: {1: _text("key"), 2: _one("value", Value)},
    Value: {
        1: _text("string_value"),
        2: _Slot("bool_value", Wire.VARINT, lambda _, field: field.value != 0),
        3: _signed("int_value"),
        4: _real("double_value"),
        5: _opaque("array_value"),
        6: _opaque("kvlist_value"),
        7: _opaque("bytes_value"),
    },
}


def read_request(body: bytes) -> MetricsRequest:
    """Raises PermanentError naming the byte where it is no such request."""
    request: MetricsRequest = _message(body, 0, len(body), MetricsRequest)
    return request


def _message(body: bytes, start: int, end: int, cls: type[Part]) -> Any:
    slots = _MESSAGES[cls]
    given: dict[str, Any] = {}
    for field in fields(body, start, end):
        slot = slots.get(field.number)
        if slot is None:
            continue
        if field.wire is not slot.wire:
            raise refused(f"{cls.__name__}.{slot.name} has another wire type", field.began)
        value = slot.read(body, field)
        if slot.is_list:
            given.setdefault(slot.name, []).append(value)
        else:
            given[slot.name] = value
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})

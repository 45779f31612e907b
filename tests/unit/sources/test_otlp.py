"""OTLP requests to columns: both encodings say the same, and what cannot be used is refused alone."""

from __future__ import annotations

import contextlib
import gzip
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sources.plain_remote_write import message, varint

from recoverops.model import PermanentError, TooLargeError
from recoverops.model.pushed import Kind, Pushed
from recoverops.sources.otlp import decode
from recoverops.sources.push_limits import PushLimits
from recoverops.sources.series_table import SeriesTable

SECOND = 1_000_000_000
AT = 1_767_225_600 * SECOND


def fixed(number: int, value: int) -> bytes:
    return varint(number << 3 | 1) + (value & (2**64 - 1)).to_bytes(8, "little")


def real(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def attribute(key: str, value: str) -> bytes:
    return message(1, key.encode()) + message(2, message(1, value.encode()))


WHERE = {"service.name": "checkout", "host.name": "web-1", "telemetry.sdk.name": "opentelemetry"}
LABELS = {"service.name": "checkout", "service": "checkout", "host.name": "web-1"}
POINT = {"startTimeUnixNano": str(AT - 10 * SECOND), "timeUnixNano": str(AT)}
POINT_BYTES = fixed(2, AT - 10 * SECOND) + fixed(3, AT)


def binary(*metrics: bytes) -> bytes:
    resource = message(1, b"".join(message(1, attribute(key, value)) for key, value in WHERE.items()))
    return message(1, resource + message(2, message(1, b"") + b"".join(message(2, metric) for metric in metrics)))


def text(*metrics: dict[str, Any]) -> bytes:
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in WHERE.items()]
    scope = {"scope": {"name": "x"}, "metrics": metrics}
    return json.dumps({"resourceMetrics": [{"resource": {"attributes": attributes}, "scopeMetrics": [scope]}]}).encode()


def metric(name: str, field: int, content: bytes) -> bytes:
    return message(1, name.encode()) + message(2, b"about it") + message(field, content)


def taken(body: bytes, table: SeriesTable | None = None, *, is_json: bool, is_gzipped: bool = False) -> Pushed:
    known = SeriesTable(limit=100, seed=1) if table is None else table
    return decode(body, known, PushLimits(), is_json=is_json, is_gzipped=is_gzipped, now=0.0)


Told = list[tuple[str, Kind, float, dict[str, str]]]


def told(body: bytes, *, is_json: bool) -> Told:
    table = SeriesTable(limit=100, seed=1)
    pushed = taken(body, table, is_json=is_json)
    assert pushed.columns.at.tolist() == [AT / SECOND] * len(pushed.columns)
    found = []
    for number, value in zip(pushed.columns.series.tolist(), pushed.columns.values.tolist(), strict=True):
        labels = table.labels(number)
        name = labels.pop("__name__")
        assert {key: labels.pop(key) for key in LABELS} == LABELS
        found.append((name, table.kind(number), value, labels))
    return found


CASES: dict[str, tuple[bytes, dict[str, Any], Told]] = {
    "a gauge of a whole number": (
        metric("depth", 5, message(1, POINT_BYTES + fixed(6, -7))),
        {"name": "depth", "gauge": {"dataPoints": [{**POINT, "asInt": "-7"}]}},
        [("depth", Kind.GAUGE, -7.0, {})],
    ),
    "a gauge with an attribute": (
        metric("depth", 5, message(1, POINT_BYTES + real(4, 1.5) + message(7, attribute("queue", "mail")))),
        {
            "name": "depth",
            "gauge": {
                "dataPoints": [
                    {**POINT, "asDouble": 1.5, "attributes": [{"key": "queue", "value": {"stringValue": "mail"}}]}
                ]
            },
        },
        [("depth", Kind.GAUGE, 1.5, {"queue": "mail"})],
    ),
    "a cumulative monotonic sum": (
        metric("requests", 7, message(1, POINT_BYTES + real(4, 50.0)) + whole(2, 2) + whole(3, 1)),
        {
            "name": "requests",
            "sum": {
                "dataPoints": [{**POINT, "asDouble": 50}],
                "aggregationTemporality": 2,
                "isMonotonic": True,
            },
        },
        [("requests", Kind.COUNTER, 50.0, {})],
    ),
    "a cumulative sum that may fall": (
        metric("in_flight", 7, message(1, POINT_BYTES + real(4, 50.0)) + whole(2, 2)),
        {"name": "in_flight", "sum": {"dataPoints": [{**POINT, "asDouble": 50.0}], "aggregationTemporality": 2}},
        [("in_flight", Kind.GAUGE, 50.0, {})],
    ),
    "a delta": (
        metric("requests", 7, message(1, POINT_BYTES + real(4, 50.0)) + whole(2, 1) + whole(3, 1)),
        {
            "name": "requests",
            "sum": {"dataPoints": [{**POINT, "asDouble": 50.0}], "aggregationTemporality": 1, "isMonotonic": True},
        },
        [("requests", Kind.RATE, 5.0, {})],
    ),
    "a histogram": (
        metric("took", 9, message(1, POINT_BYTES + fixed(4, 3) + real(5, 0.6) + message(6, b"12345678")) + whole(2, 2)),
        {
            "name": "took",
            "histogram": {
                "dataPoints": [{**POINT, "count": "3", "sum": 0.6, "bucketCounts": ["1", "2"]}],
                "aggregationTemporality": 2,
            },
        },
        [("took_count", Kind.COUNTER, 3.0, {}), ("took_sum", Kind.COUNTER, 0.6, {})],
    ),
    "an exponential histogram without a sum": (
        metric("took", 10, message(1, POINT_BYTES + fixed(4, 3)) + whole(2, 1)),
        {
            "name": "took",
            "exponentialHistogram": {"dataPoints": [{**POINT, "count": 3}], "aggregationTemporality": 1},
        },
        [("took_count", Kind.RATE, 0.3, {})],
    ),
    "a summary": (
        metric("took", 11, message(1, POINT_BYTES + fixed(4, 3) + real(5, 0.6))),
        {"name": "took", "summary": {"dataPoints": [{**POINT, "count": "3", "sum": 0.6}]}},
        [("took_count", Kind.COUNTER, 3.0, {}), ("took_sum", Kind.COUNTER, 0.6, {})],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_both_encodings_say_the_same(case: tuple[bytes, dict[str, Any], Told]) -> None:
    as_bytes, as_text, expected = case
    assert told(binary(as_bytes), is_json=False) == expected
    assert told(text(as_text), is_json=True) == expected


def test_a_point_without_a_recorded_value_says_that_the_series_has_ended() -> None:
    for pushed in (
        taken(binary(metric("x", 5, message(1, POINT_BYTES + whole(8, 1)))), is_json=False),
        taken(text({"name": "x", "gauge": {"dataPoints": [{**POINT, "flags": 1}]}}), is_json=True),
    ):
        assert math.isnan(pushed.columns.values[0])
        assert pushed.stale.tolist() == [True]


UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "no time": ({"name": "x", "gauge": {"dataPoints": [{"asInt": 1}]}}, "no time"),
    "no temporality": ({"name": "x", "sum": {"dataPoints": [{**POINT, "asInt": 1}]}}, "no aggregation temporality"),
    "a delta without a start": (
        {"name": "x", "sum": {"dataPoints": [{"timeUnixNano": AT, "asInt": 1}], "aggregationTemporality": 1}},
        "no start",
    ),
    "no name": ({"gauge": {"dataPoints": [{**POINT, "asInt": 1}]}}, "no name"),
    "a number that is none": ({"name": "x", "gauge": {"dataPoints": [{**POINT, "asInt": "many"}]}}, "'many'"),
    "a list as attribute": (
        {
            "name": "x",
            "gauge": {"dataPoints": [{**POINT, "attributes": [{"key": "a", "value": {"arrayValue": {"values": []}}}]}]},
        },
        'attribute "a" is a list',
    ),
}


@pytest.mark.parametrize("case", UNUSABLE.values(), ids=UNUSABLE)
def test_a_point_that_cannot_be_used_is_refused_alone(case: tuple[dict[str, Any], str]) -> None:
    bad, words = case
    good = {"name": "good", "gauge": {"dataPoints": [{**POINT, "asInt": 1}]}}
    pushed = taken(text(good, bad, good), is_json=True)
    assert (len(pushed.columns), pushed.refused) == (2, 1)
    assert words in pushed.why


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "truncated"),
        (b'{"resourceMetrics": 5}', "resourceMetrics"),
        (b"[" * 100_000, "no OTLP"),
        (b'{"resourceMetrics": [{"resource": {"attributes": [{"key": 5}]}}]}', "key"),
        (b"\xff", "no OTLP"),
    ],
    ids=["cut", "a number", "deep", "a key that is a number", "not UTF-8"],
)
def test_what_is_not_the_format_is_refused_whole_with_words(body: bytes, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        taken(body, is_json=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\x80", r"middle of a field \(byte 0\)"),
        (b"\x0a\x05abc", r"leads beyond .* \(byte 0\)"),
        (b"\x0a" + varint(-1), "negative"),
        (b"\x0b", "does not exist"),
        (b"\x08\x01", "MetricsRequest.resource_metrics has another wire type"),
        (binary(message(1, b"\xff")), "not UTF-8"),
        (b"\x28" + b"\xff" * 10, "64 bits"),
    ],
)
def test_broken_bytes_are_refused_with_their_place(body: bytes, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        taken(body, is_json=False)


def test_gzip_is_opened_no_further_than_the_limit_and_has_to_be_whole() -> None:
    body = binary(CASES["a histogram"][0])
    assert len(taken(gzip.compress(body), is_json=False, is_gzipped=True).columns) == 2
    with pytest.raises(TooLargeError, match="more than 33554432 bytes"):
        taken(gzip.compress(bytes(34 * 1024 * 1024)), is_json=False, is_gzipped=True)
    with pytest.raises(PermanentError, match="not gzip"):
        taken(body, is_json=False, is_gzipped=True)
    with pytest.raises(PermanentError, match="cut"):
        taken(gzip.compress(body)[:-4], is_json=False, is_gzipped=True)


def test_series_beyond_the_limit_are_refused_by_name() -> None:
    table = SeriesTable(limit=1, seed=1)
    several = [{"name": name, "gauge": {"dataPoints": [{**POINT, "asInt": 1}]}} for name in "ab"]
    pushed = taken(text(*several), table, is_json=True)
    assert (len(pushed.columns), pushed.refused) == (1, 1)
    assert "beyond the limit of 1 are not taken (intake.max_series)" in pushed.why


@settings(max_examples=80, deadline=None)
@given(case=st.sampled_from(list(CASES.values())), data=st.data(), is_json=st.booleans())
def test_a_request_with_bytes_changed_or_cut_is_read_or_refused_and_never_worse(
    case: tuple[bytes, dict[str, Any], Told], data: st.DataObject, is_json: bool
) -> None:
    broken = bytearray(text(case[1]) if is_json else binary(case[0]))
    for _ in range(data.draw(st.integers(0, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PermanentError):
        taken(bytes(broken[: data.draw(st.integers(0, len(broken)))]), is_json=is_json)

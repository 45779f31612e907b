"""Remote-write bodies to columns: what is taken, what is skipped, what is refused and with which words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.unit.sources import plain_remote_write as plain
from tests.unit.sources.plain_remote_write import Series, label, message, packed, request, sample, varint

from recoverops.model import PermanentError, TooLargeError
from recoverops.model.pushed import Kind, Pushed
from recoverops.sources.push_limits import PushLimits
from recoverops.sources.remote_write import WriteRequestError, decode
from recoverops.sources.series_table import SeriesTable

UP = {"__name__": "up", "job": "shop"}


@pytest.fixture
def table() -> SeriesTable:
    return SeriesTable(limit=100, seed=1)


def taken(content: bytes, table: SeriesTable, *, now: float = 0.0, **limits: int) -> Pushed:
    return decode(packed(content), table, PushLimits(**limits), now=now)


def test_samples_come_in_their_order_with_times_in_seconds(table: SeriesTable) -> None:
    pushed = taken(request([Series(UP, [(1.0, 1500), (0.0, 2500)]), Series({"__name__": "x"}, [(-2.5, -500)])]), table)
    assert pushed.columns.series.tolist() == [0, 0, 1]
    assert pushed.columns.at.tolist() == [1.5, 2.5, -0.5]
    assert pushed.columns.values.tolist() == [1.0, 0.0, -2.5]
    assert [table.labels(number) for number in (0, 1)] == [UP, {"__name__": "x"}]


def test_the_same_labels_have_the_same_number_in_every_delivery(table: SeriesTable) -> None:
    first = taken(request([Series(UP, [(1.0, 1)])]), table)
    taken(request([Series({"__name__": "other"}, [(1.0, 1)])]), table)
    again = taken(request([Series(UP, [(1.0, 2)])]), table)
    assert first.columns.series.tolist() == again.columns.series.tolist()


def test_an_empty_request_is_fine(table: SeriesTable) -> None:
    assert len(taken(b"", table).columns) == 0


def test_the_stale_marker_is_a_missing_value_and_said_to_be_stale_and_another_nan_is_not(table: SeriesTable) -> None:
    body = message(1, plain.labels(UP) + sample(plain.STALE, 1) + sample(plain.bits_of(math.nan), 2))
    pushed = taken(body, table)
    assert np.isnan(pushed.columns.values).all()
    assert pushed.stale.tolist() == [True, False]


def test_metadata_exemplars_and_native_histograms_are_counted(table: SeriesTable) -> None:
    series = message(1, plain.labels(UP) + message(3, b"e") + message(3, b"f") + message(4, b"h") + sample(1, 1))
    pushed = taken(series + message(3, b"m"), table)
    assert (len(pushed.columns), dict(pushed.skipped)) == (1, {"metadata": 1, "exemplars": 2, "histograms": 1})


@pytest.mark.parametrize("name", ["x_total", "x_count", "x_bucket", "x_sum"])
def test_the_name_of_a_counter_tells_that_it_is_one(table: SeriesTable, name: str) -> None:
    taken(request([Series({"__name__": name}, [(1.0, 1)]), Series({"__name__": "total"}, [(1.0, 1)])]), table)
    assert [table.kind(0), table.kind(1)] == [Kind.COUNTER, Kind.GAUGE]


NAMED = plain.labels(UP)
LONE = label(b"a", b"1")
FAULTS: dict[str, tuple[bytes, str, int]] = {
    "a cut tag": (b"\x80", "middle of a field", 0),
    "a cut double": (message(1, NAMED + message(2, b"\x09\x00")), "middle of a field", 2 + len(NAMED) + 2),
    "a length beyond the end": (b"\x0a\x05abc", "leads beyond", 0),
    "a negative length": (b"\x0a" + varint(-1), "negative", 0),
    "eleven bytes of varint": (b"\x0a" + b"\xff" * 10 + b"\x01", "64 bits", 0),
    "a varint of 65 bits": (b"\x28" + b"\xff" * 9 + b"\x02", "64 bits", 0),
    "series as a number": (b"\x08\x01", "another wire type", 0),
    "a timestamp as a double": (
        message(1, NAMED + message(2, b"\x11" + b"0" * 8)),
        "another wire type",
        2 + len(NAMED) + 2,
    ),
    "field zero": (b"\x02\x00", "does not exist", 0),
    "a group": (b"\x2b\x2c", "does not exist", 0),
    "no labels": (message(1, sample(1, 1)), "no label __name__", 2),
    "no name": (message(1, LONE + sample(1, 1)), "no label __name__", 2),
    "unsorted": (message(1, label(b"b", b"1") + LONE + sample(1, 1)), "not sorted", 14),
    "twice": (message(1, LONE + LONE + sample(1, 1)), "a name comes twice", 14),
    "an empty value": (message(1, message(1, message(1, b"a")) + sample(1, 1)), "no value", 7),
    "an empty name": (message(1, message(1, message(2, b"a")) + sample(1, 1)), "no name", 4),
    "Latin-1": (message(1, label(b"a", b"\xe9") + sample(1, 1)), "not UTF-8", 6),
    "a long way to say short": (message(1, message(1, b"\x0a\x81\x00a" + message(2, b"1"))), "shortest form", 4),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_byte_and_nothing_of_the_body_stays(
    table: SeriesTable, case: tuple[bytes, str, int]
) -> None:
    broken, words, at = case
    good = request([Series({"__name__": "new"}, [(1.0, 1)])])
    with pytest.raises(WriteRequestError, match=words) as refusal:
        taken(good + broken, table)
    assert refusal.value.at == len(good) + at
    assert f"byte {len(good) + at}" in str(refusal.value)
    assert len(table) == 0


def test_what_a_body_claims_to_be_is_looked_at_before_memory_is_taken(table: SeriesTable) -> None:
    bomb = varint((1 << 32) - 1) + b"\x00"
    with pytest.raises(TooLargeError, match="4294967295 bytes when uncompressed"):
        decode(bomb, table, PushLimits(), now=0.0)


@pytest.mark.parametrize("body", [b"", b"\xff\xff\xff\xff\xff\xff", b"hello", varint(5) + b"\x00a"], ids=repr)
def test_what_is_no_snappy_block_is_refused(table: SeriesTable, body: bytes) -> None:
    with pytest.raises(PermanentError, match="snappy"):
        decode(body, table, PushLimits(), now=0.0)


def test_more_samples_than_the_limit_are_too_large_and_leave_nothing(table: SeriesTable) -> None:
    with pytest.raises(TooLargeError, match="more than 3 samples"):
        taken(request([Series(UP, [(1.0, at) for at in range(4)])]), table, samples=3)
    assert len(table) == 0


def test_series_beyond_the_limit_are_refused_by_name_and_the_known_ones_go_on() -> None:
    table = SeriesTable(limit=2, seed=1)
    several = [Series({"__name__": name}, [(1.0, 1), (2.0, 2)]) for name in "abc"]
    pushed = taken(request(several), table)
    assert (len(pushed.columns), pushed.refused) == (4, 2)
    assert pushed.why == "2 samples belong to series beyond the limit of 2 (intake.max_series)"
    assert len(taken(request(several[:2]), table).columns) == 4


def test_labels_with_other_fields_between_them_are_the_same_series(table: SeriesTable) -> None:
    one, two = label(b"__name__", b"up"), label(b"job", b"shop")
    taken(request([Series(UP, [(1.0, 1)])]), table)
    pushed = taken(message(1, sample(1, 1) + one + message(99, b"?") + sample(1, 2) + two), table)
    assert pushed.columns.series.tolist() == [0, 0]

"""Series numbers: the same for the same labels, given back when idle, never mixed up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoverops.model.pushed import Kind
from recoverops.sources import series_keys
from recoverops.sources.series_table import SeriesTable

names = st.integers(0, 40).map(lambda number: {"__name__": f"metric_{number}", "instance": "x" * (number % 13)})


def number(table: SeriesTable, labels: dict[str, str], *, now: float = 0.0) -> int | None:
    return table.number_of(labels, Kind.GAUGE, now=now)


def test_a_number_means_its_labels_until_it_is_dropped() -> None:
    table = SeriesTable(limit=10, seed=3)
    assert number(table, {"__name__": "a", "empty": ""}) == 0
    assert table.labels(0) == {"__name__": "a", "empty": ""}
    assert number(table, {"__name__": "a", "empty": ""}) == 0
    assert len(table) == 1


def test_a_kind_makes_another_series() -> None:
    table = SeriesTable(limit=10, seed=3)
    assert table.number_of({"__name__": "a"}, Kind.COUNTER, now=0.0) != table.number_of(
        {"__name__": "a"}, Kind.GAUGE, now=0.0
    )
    assert [table.kind(0), table.kind(1)] == [Kind.COUNTER, Kind.GAUGE]


def test_a_full_table_refuses_new_series_and_has_room_again_when_some_were_idle() -> None:
    table = SeriesTable(limit=2, seed=3)
    number(table, {"__name__": "old"}, now=1.0)
    number(table, {"__name__": "fresh"}, now=9.0)
    assert number(table, {"__name__": "third"}) is None
    assert table.drop_idle(before=5.0).tolist() == [0]
    assert number(table, {"__name__": "third"}) == 0
    assert [table.labels(one)["__name__"] for one in (0, 1)] == ["third", "fresh"]


def test_a_table_whose_labels_need_more_room_than_it_has_is_full() -> None:
    table = SeriesTable(limit=10, seed=3)
    assert number(table, {"__name__": "x" * 4000}) == 0
    assert number(table, {"__name__": "y" * 4000}) is None
    assert number(table, {"__name__": "z"}) == 1


def test_two_series_with_one_hash_stay_two() -> None:
    """Found and inserted under a hash that is the same for all: only the bytes tell them apart."""
    table = SeriesTable(limit=10, seed=3)
    keys = [np.frombuffer(text, np.uint8).copy() for text in (b"one", b"two", b"three")]
    same = np.uint64(42)
    for expected, key in enumerate(keys):
        found, slot = series_keys.find(key, 0, len(key), same, table.keys)
        assert found < 0
        assert series_keys.insert(key, 0, len(key), same, slot, 0, table.keys) == expected
    assert [series_keys.find(key, 0, len(key), same, table.keys)[0] for key in keys] == [0, 1, 2]


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "add", "add", "drop", "try and take back"]), st.lists(names, max_size=9)),
        max_size=20,
    )
)
def test_whatever_comes_and_goes_every_number_keeps_its_meaning(
    steps: list[tuple[str, list[dict[str, str]]]],
) -> None:
    table, known = SeriesTable(limit=16, seed=11), dict[int, dict[str, str]]()
    for now, (what, several) in enumerate(steps):
        if what == "drop":
            for dropped in table.drop_idle(before=now - 2.0).tolist():
                del known[dropped]
        before = table.mark()
        given_ = [(number(table, labels, now=float(now)), labels) for labels in several]
        if what == "try and take back":
            table.back_to(before)
            continue
        known |= {one: labels for one, labels in given_ if one is not None}
        assert len(table) == len(known)
        assert {one: table.labels(one) for one in known} == known
        assert all(one is not None for one, _ in given_) or len(table) == 16


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_any_seed_will_do(seed: int) -> None:
    table = SeriesTable(limit=1000, seed=seed)
    assert [number(table, {"__name__": f"m{one}"}) for one in range(1000)] == list(range(1000))

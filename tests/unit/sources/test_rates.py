"""Counters to rates: growth per second, resets, holes, and what says nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model.columns import Columns
from recoverops.model.pushed import Kind, Pushed
from recoverops.sources.rates import Rates

KINDS = np.array([Kind.COUNTER, Kind.GAUGE, Kind.RATE], np.uint8)
NO = math.nan


def pushed(*rows: tuple[float, float], series: int = 0, stale: tuple[int, ...] = ()) -> Pushed:
    return Pushed(
        columns=Columns(
            series=np.full(len(rows), series, np.int32),
            at=np.array([at for at, _ in rows], np.float64),
            values=np.array([value for _, value in rows], np.float64),
        ),
        stale=np.array([number in stale for number in range(len(rows))], np.bool_),
    )


def rated(*rows: tuple[float, float], series: int = 0, stale: tuple[int, ...] = ()) -> list[float]:
    rates = Rates(limit=3)
    return [float(value) for value in rates.step(pushed(*rows, series=series, stale=stale), KINDS).values]


CASES: dict[str, tuple[list[tuple[float, float]], list[float]]] = {
    "growth": ([(0, 10), (10, 30), (20, 30)], [NO, 2, 0]),
    "a reset": ([(0, 100), (10, 30), (20, 50)], [NO, 3, 2]),
    "late and twice": ([(10, 10), (5, 0), (10, 99), (20, 20)], [NO, NO, NO, 1]),
    "no value": ([(0, 10), (10, NO), (20, 30)], [NO, NO, 1]),
    "a hole": ([(0, 10), (301, 20), (311, 40)], [NO, NO, 2]),
    "the longest gap": ([(0, 0), (300, 300)], [NO, 1]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_rate_of_a_counter(case: tuple[list[tuple[float, float]], list[float]]) -> None:
    rows, expected = case
    np.testing.assert_array_equal(rated(*rows), expected)


def test_after_its_end_a_series_begins_anew() -> None:
    np.testing.assert_array_equal(rated((0, 10), (10, NO), (20, 30), (30, 50), stale=(1,)), [NO, NO, NO, 2])


@pytest.mark.parametrize("series", [1, 2])
def test_gauges_and_rates_pass_as_they_are(series: int) -> None:
    assert rated((0, 10), (10, 30), (5, -3), series=series) == [10, 30, -3]


def test_a_forgotten_number_begins_anew() -> None:
    rates = Rates(limit=3)
    rates.step(pushed((0, 10)), KINDS)
    rates.forget(np.array([0], np.int32))
    assert math.isnan(rates.step(pushed((10, 30)), KINDS).values[0])


def test_the_totals_that_were_pushed_are_left_alone() -> None:
    given_ = pushed((0, 10), (10, 30))
    Rates(limit=3).step(given_, KINDS)
    assert given_.columns.values.tolist() == [10, 30]


@given(
    totals=st.lists(st.floats(0, 1e9), min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=3),
)
def test_batches_of_any_size_say_the_same(totals: list[float], cuts: list[int]) -> None:
    rows = [(float(at), total) for at, total in enumerate(totals)]
    rates = Rates(limit=3)
    bounds = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    parts = [rates.step(pushed(*rows[a:b]), KINDS).values for a, b in itertools.pairwise(bounds)]
    np.testing.assert_array_equal(np.concatenate(parts), rated(*rows))

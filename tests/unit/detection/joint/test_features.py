"""The 18 features: their definitions, what is missing, and streaming against batch."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoverops.detection.metrics.joint import FEATURES, INPUTS, FeatureStream, features, missing_features, table_of
from recoverops.model import PermanentError
from recoverops.model.joint import MetricTable

SATURDAY = datetime(2026, 1, 31, 23, 30, tzinfo=UTC).timestamp()


def table(rows: int, *, step_s: float = 60.0, seed: int = 0, holes: float = 0.0) -> MetricTable:
    noise = np.random.default_rng(seed)
    values = noise.uniform(0, 100, (rows, len(INPUTS)))
    values[:, 3] = np.cumsum(values[:, 3])
    values[noise.random(values.shape) < holes] = np.nan
    return table_of(INPUTS, SATURDAY + np.arange(rows) * step_s, values)


def column(answer: MetricTable, name: str) -> list[float]:
    found: list[float] = answer.values[:, FEATURES.index(name)].tolist()
    return found


def test_there_are_eighteen_and_each_has_its_own_name() -> None:
    assert len(FEATURES) == len(set(FEATURES)) == 18


def test_the_clock_features_are_in_utc() -> None:
    answer = features(table(2, step_s=3600.0 * 24))
    assert column(answer, "hour") == [23, 23]
    assert column(answer, "day_of_week") == [5, 6]
    assert column(answer, "is_weekend") == [1, 1]
    monday = features(table_of(INPUTS, np.array([SATURDAY + 1.5 * 86400]), np.zeros((1, 7))))
    assert (column(monday, "day_of_week"), column(monday, "is_weekend")) == ([0], [0])
    assert column(monday, "hour") == [11]


def test_the_counter_becomes_a_rate_and_a_reset_is_missing() -> None:
    given_table = table(4, step_s=10.0)
    given_table.values[:, 3] = [1000, 1500, 200, 260]
    rate = column(features(given_table), "network_bytes_rate")
    assert math.isnan(rate[0])
    assert rate[1] == 50
    assert math.isnan(rate[2])
    assert rate[3] == 6


def test_rates_of_change_skip_a_missing_value_and_know_the_time_that_passed() -> None:
    given_table = table(3, step_s=10.0)
    given_table.values[:, 4] = [10, math.nan, 30]
    rate = column(features(given_table), "cpu_rate_of_change")
    assert math.isnan(rate[0])
    assert math.isnan(rate[1])
    assert rate[2] == 1


def test_nothing_older_than_an_hour_counts() -> None:
    given_table = table(2, step_s=3601.0)
    answer = features(given_table)
    assert {"cpu_rolling_mean", "cpu_rate_of_change", "network_bytes_rate"} <= set(missing_features(answer, 1))


@pytest.mark.parametrize(
    ("name", "source", "arithmetic"),
    [
        ("cpu_rolling_mean", 4, np.mean),
        ("cpu_rolling_std", 4, np.std),
        ("cpu_rolling_max", 4, np.max),
        ("memory_rolling_mean", 5, np.mean),
        ("memory_rolling_std", 5, np.std),
        ("disk_rolling_max", 6, np.max),
    ],
)
def test_rolling_features_are_those_of_the_values_of_the_last_hour(name: str, source: int, arithmetic: object) -> None:
    assert callable(arithmetic)
    given_table = table(200, holes=0.2)
    found = column(features(given_table), name)
    for row in (0, 1, 30, 61, 199):
        window = given_table.values[max(0, row - 60) : row + 1, source]
        window = window[~np.isnan(window)]
        expected = float(arithmetic(window)) if len(window) > 1 else math.nan
        assert found[row] == pytest.approx(expected, nan_ok=True)


@given(seed=st.integers(0, 1000), holes=st.floats(0, 1), step_s=st.sampled_from([0.25, 1.0, 60.0, 4000.0]))
@settings(max_examples=25, deadline=None)
def test_row_by_row_is_exactly_the_whole_table(seed: int, holes: float, step_s: float) -> None:
    given_table = table(80, seed=seed, holes=holes, step_s=step_s)
    whole = features(given_table)
    stream = FeatureStream()
    for row, at in enumerate(given_table.times):
        present = dict(zip(INPUTS, given_table.values[row].tolist(), strict=True))
        one = stream.step(float(at), {name: value for name, value in present.items() if not math.isnan(value)})
        np.testing.assert_array_equal(one.values[0], whole.values[row])


def test_more_rows_than_it_remembers_use_the_newest() -> None:
    given_table = table(4000, step_s=0.5)
    found = column(features(given_table), "cpu_rolling_max")
    assert found[-1] == given_table.values[-3600:, 4].max()


def test_a_missing_input_makes_its_features_missing_and_no_others() -> None:
    given_table = table(10)
    given_table.values[:, 5] = math.nan
    gone = missing_features(features(given_table), 9)
    assert gone == ("memory_usage_pct", "memory_rolling_mean", "memory_rolling_std", "memory_rate_of_change")


def test_a_row_out_of_order_and_an_unknown_input_are_refused() -> None:
    stream = FeatureStream()
    stream.step(SATURDAY, {"cpu_usage_avg": 3.0})
    with pytest.raises(PermanentError, match="is not later"):
        stream.step(SATURDAY, {"cpu_usage_avg": 3.0})
    with pytest.raises(PermanentError, match="'cpu' is no input"):
        stream.step(SATURDAY + 1, {"cpu": 3.0})

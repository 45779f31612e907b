"""Every way to be abnormal is found, by its name, and normal series are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.detection.streaming.series import DAY, Values, alarms, columns, judged, noise, times

from recoverops.detection.metrics.streaming import Component, Reason, StreamDetector, StreamSettings

_AT = 1500


def _seasonal(points: int) -> Values:
    return noise(points, spread=1.0) + 20.0 * np.sin(2 * np.pi * np.arange(points) / DAY)


def _spike() -> Values:
    values = noise(2000)
    values[_AT] += 60.0
    return values


def _shift() -> Values:
    values = noise(2000)
    values[_AT:] += 15.0
    return values


def _drift() -> Values:
    values = noise(2500)
    values[_AT:] += np.minimum(np.arange(1000) * 0.05, 30.0)
    return values


def _restless() -> Values:
    values = noise(2000)
    values[_AT:] = noise(500, seed=9, spread=14.0)
    return values


def _stuck() -> Values:
    values = noise(2000)
    values[_AT:] = values[_AT]
    return values


@pytest.mark.parametrize(
    ("values", "within"),
    [(_spike(), 1), (_shift(), 6), (_drift(), 400), (_restless(), 20), (_stuck(), 45)],
    ids=["spike", "level shift", "drift", "variance shift", "flat line"],
)
def test_an_abnormal_course_raises_an_alarm_soon_and_none_before(values: Values, within: int) -> None:
    raised = [row for row in alarms(judged(values)) if row >= _AT - 600]

    assert raised
    assert _AT <= raised[0] <= _AT + within


@pytest.mark.parametrize(
    ("component", "values", "reason"),
    [
        (Component.SPIKE, _spike(), Reason.SPIKE),
        (Component.SHIFT, _shift(), Reason.LEVEL_SHIFT),
        (Component.DRIFT, _drift(), Reason.DRIFT),
        (Component.VARIANCE, _restless(), Reason.VARIANCE_SHIFT),
        (Component.FLAT_LINE, _stuck(), Reason.FLAT_LINE),
    ],
)
def test_a_component_alone_finds_what_it_is_there_for(component: Component, values: Values, reason: Reason) -> None:
    also = {component, Component.SPIKE} if component is Component.FLAT_LINE else {component}
    scores = judged(values, StreamDetector(StreamSettings(components=frozenset(also))))

    assert reason in set(scores.reason[_AT:])


def test_a_value_that_is_usual_by_day_is_out_of_season_by_night() -> None:
    values = _seasonal(DAY * 12)
    night = DAY * 10 + 216  # the trough of the sine
    values[night : night + 12] += 20.0
    only = StreamDetector(StreamSettings(components=frozenset({Component.SEASON})))

    scores = only.step(columns(values))

    assert Reason.OUT_OF_SEASON in set(scores.reason[night : night + 12])
    usual_at_noon = np.nanmax(scores.score[DAY * 9 : DAY * 10])
    assert np.nanmax(scores.score[night : night + 12]) > usual_at_noon


def test_a_series_without_a_season_is_never_out_of_season() -> None:
    values = noise(DAY * 14)
    values[::200] += 40.0

    assert Reason.OUT_OF_SEASON not in set(judged(values).reason)


def test_a_series_that_stands_still_is_told_once() -> None:
    values = noise(2500)
    values[_AT:] = values[_AT]

    assert len([row for row in alarms(judged(values)) if row >= _AT]) == 1


def _sluggish(rng: np.random.Generator, points: int) -> Values:
    return 50.0 + np.convolve(rng.standard_normal(points + 9), 0.8 ** np.arange(10), mode="valid")


def _daily(rng: np.random.Generator, points: int) -> Values:
    return 20.0 * np.exp(0.8 * np.sin(2 * np.pi * np.arange(points) / 24) + 0.2 * rng.standard_normal(points))


def _even(rng: np.random.Generator, points: int) -> Values:
    return rng.uniform(0.0, 1.0, points)


@pytest.mark.parametrize("course", [_sluggish, _daily, _even])
def test_hourly_series_of_four_weeks_spend_their_budget_as_well(course: object) -> None:
    assert callable(course)
    weeks, series = 4, 40
    at, raised = times(168 * weeks, step_s=3600.0), 0
    for seed in range(series):
        values = course(np.random.default_rng(seed), len(at))
        raised += len(alarms(StreamDetector().step(columns(values, at=at))))

    assert 0.5 <= raised / (weeks * series) <= 1.5


def test_a_seasonal_series_raises_nothing_while_it_keeps_its_season() -> None:
    assert len([row for row in alarms(judged(_seasonal(DAY * 14))) if row > DAY]) <= 2


@pytest.mark.parametrize("value", [0.0, 1.0, 1e12, -3.5])
def test_a_constant_series_is_normal_for_ever(value: float) -> None:
    scores = judged(np.full(3000, value))

    assert alarms(scores) == []
    assert set(scores.reason[100:]) == {Reason.NORMAL}


def test_a_constant_series_that_moves_raises_an_alarm() -> None:
    values = np.full(1500, 7.0)
    values[_AT - 100] = 8.0

    assert alarms(judged(values))[:1] == [_AT - 100]


def test_a_large_offset_costs_no_precision() -> None:
    small, large = alarms(judged(_shift())), alarms(judged(_shift() + 1e5))

    first_small, first_large = (next(row for row in rows if row >= _AT) for rows in (small, large))
    assert abs(first_small - first_large) <= 3


def test_one_incident_is_one_alarm_not_hundreds() -> None:
    values = noise(3000)
    values[_AT : _AT + 200] += 40.0

    raised = [row for row in alarms(judged(values)) if _AT <= row < _AT + 200]

    assert 1 <= len(raised) <= 4


def test_an_incident_is_not_learned_at_once_but_a_lasting_change_is() -> None:
    values = noise(9000)
    values[_AT:] += 25.0
    scores = judged(values)

    assert float(np.mean(scores.reason[_AT : _AT + 50] != Reason.NORMAL)) > 0.8
    assert float(np.mean(scores.reason[-2000:] != Reason.NORMAL)) < 0.02


def test_after_an_incident_the_old_normal_is_still_normal() -> None:
    values = noise(4000)
    values[_AT : _AT + 40] += 40.0
    scores = judged(values)

    assert float(np.mean(scores.reason[_AT + 400 :] != Reason.NORMAL)) < 0.03


def test_p_values_of_a_quiet_series_are_about_uniform_in_the_tail() -> None:
    scores = judged(noise(20_000, seed=5))
    judged_points = scores.p_value[2000:]

    assert 0.005 < float(np.mean(judged_points < 0.02)) < 0.05


def test_times_out_of_order_change_nothing_else() -> None:
    values, at = noise(1200), times(1200)
    with_late = columns(np.insert(values, 800, 999.0), at=np.insert(at, 800, at[700]))

    late = StreamDetector().step(with_late)
    clean = StreamDetector().step(columns(values))

    assert late.reason[800] == Reason.LATE
    np.testing.assert_array_equal(np.delete(late.score, 800), clean.score)


def test_a_series_that_is_mostly_zero_settles_on_its_rare_events() -> None:
    rng = np.random.default_rng(8)
    values = np.where(rng.random(6000) < 0.02, rng.random(6000), 0.0)

    assert len([row for row in alarms(judged(values)) if row > 3000]) <= 2

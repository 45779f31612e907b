"""What holds for every input: batches of any size, nothing changed, state that survives, memory that is bounded."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.detection.streaming.series import Values, alarms, columns, fleet, judged, noise, part

from recoverops.detection.metrics.streaming import Component, Reason, StreamDetector, StreamSettings
from recoverops.detection.metrics.streaming.layout import BYTES_PER_SERIES
from recoverops.model.columns import Columns
from recoverops.model.errors import PermanentError

_POINT = st.tuples(
    st.integers(0, 4),
    st.integers(0, 4000),
    st.one_of(st.floats(-1e6, 1e6), st.sampled_from([np.nan, np.inf, 0.0, 1e300, -1e300, 1e-300])),
)


def _columns(points: list[tuple[int, int, float]]) -> Columns:
    return Columns(
        series=np.array([point[0] for point in points], dtype=np.int32),
        at=np.array([float(point[1]) for point in points]),
        values=np.array([point[2] for point in points], dtype=np.float64),
    )


@given(st.lists(_POINT, max_size=200), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_any_points_in_batches_of_any_size_give_the_same_scores(
    points: list[tuple[int, int, float]], size: int
) -> None:
    whole, whole_detector, pieces_detector = _columns(points), StreamDetector(), StreamDetector()
    at_once = whole_detector.step(whole)
    pieces = [pieces_detector.step(part(whole, i, i + size)) for i in range(0, len(points), size)]

    for name in ("score", "p_value", "degree", "reason"):
        together = [getattr(piece, name) for piece in pieces]
        np.testing.assert_array_equal(np.concatenate(together) if together else [], getattr(at_once, name))
    assert whole_detector.to_bytes() == pieces_detector.to_bytes()


def test_a_fleet_larger_than_a_chunk_in_batches_of_any_size_gives_the_same_scores() -> None:
    whole, at_once_detector, pieces_detector = fleet(60, 300), StreamDetector(), StreamDetector()
    at_once = at_once_detector.step(whole)
    cuts = [0, *sorted(np.random.default_rng(4).integers(1, len(whole), 200).tolist()), len(whole)]
    pieces = [pieces_detector.step(part(whole, begin, end)) for begin, end in pairwise(cuts)]

    for name in ("score", "p_value", "degree", "reason"):
        together = np.concatenate([getattr(piece, name) for piece in pieces])
        np.testing.assert_array_equal(together, getattr(at_once, name))
    assert at_once_detector.to_bytes() == pieces_detector.to_bytes()


@given(st.lists(_POINT, max_size=200))
@settings(max_examples=60, deadline=None)
def test_every_answer_is_in_range_and_has_a_reason(points: list[tuple[int, int, float]]) -> None:
    scores = StreamDetector(StreamSettings(warm_up_points=8)).step(_columns(points))
    is_judged = ~np.isnan(scores.score)

    assert ((scores.score[is_judged] >= 0.0) & (scores.score[is_judged] <= 1.0)).all()
    assert ((scores.p_value[is_judged] >= 0.0) & (scores.p_value[is_judged] <= 1.0)).all()
    assert set(scores.reason) <= {int(reason) for reason in Reason}
    unjudged = {Reason.NOT_ENOUGH_DATA, Reason.LATE, Reason.DUPLICATE, Reason.NO_VALUE}
    assert set(scores.reason[~is_judged]) <= unjudged
    assert not unjudged & set(scores.reason[is_judged])


def test_series_do_not_touch_each_other() -> None:
    whole = fleet(400, 7)
    together = StreamDetector().step(whole)
    for series in range(7):
        mine = whole.series == series
        alone = StreamDetector().step(
            Columns(series=np.zeros(400, dtype=np.int32), at=whole.at[mine], values=whole.values[mine])
        )
        np.testing.assert_array_equal(together.score[mine], alone.score)


def test_scoring_changes_nothing_that_it_was_given_and_accepts_what_cannot_be_written() -> None:
    given_columns = columns(noise(500))
    for array in (given_columns.series, given_columns.at, given_columns.values):
        array.flags.writeable = False

    StreamDetector().step(given_columns)

    np.testing.assert_array_equal(given_columns.values, noise(500))


@pytest.mark.parametrize("cut", [1, 10, 137, 999])
def test_scores_after_save_and_load_equal_the_uninterrupted_run(cut: int) -> None:
    whole, uninterrupted = fleet(300, 5), StreamDetector()
    expected = uninterrupted.step(whole)
    first = StreamDetector()
    first.step(part(whole, 0, cut))

    scores = StreamDetector.from_bytes(first.to_bytes()).step(part(whole, cut, len(whole)))

    np.testing.assert_array_equal(scores.score, expected.score[cut:])
    np.testing.assert_array_equal(scores.p_value, expected.p_value[cut:])
    np.testing.assert_array_equal(scores.reason, expected.reason[cut:])


def test_saved_settings_come_back_and_may_be_replaced() -> None:
    only = StreamSettings(false_alarms_per_week=2.0, components=frozenset({Component.SPIKE}))
    blob = StreamDetector(only).to_bytes()

    assert StreamDetector.from_bytes(blob).settings == only
    assert StreamDetector.from_bytes(blob, StreamSettings()).settings == StreamSettings()


def _cut(blob: bytes) -> bytes:
    return blob[:-1]


def _flip(blob: bytes) -> bytes:
    return blob[:-40] + bytes([blob[-40] ^ 1]) + blob[-39:]


def _other_version(blob: bytes) -> bytes:
    return blob[:18] + b"\xff\x00" + blob[20:]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_cut, "digest"),
        (_flip, "digest"),
        (_other_version, "layout 255"),
        (lambda _: b"nonsense", "no saved streaming"),
    ],
    ids=["cut off", "one bit changed", "another version", "something else"],
)
def test_damaged_state_is_refused(damage: object, said: str) -> None:
    detector = StreamDetector()
    detector.step(fleet(20, 3))
    assert callable(damage)

    with pytest.raises(PermanentError, match=said):
        StreamDetector.from_bytes(damage(detector.to_bytes()))


def test_a_series_costs_512_bytes_however_long_it_is() -> None:
    short, long = StreamDetector(), StreamDetector()
    short.step(fleet(10, 100))
    long.step(fleet(600, 100))

    assert BYTES_PER_SERIES == 512
    assert len(short.to_bytes()) == len(long.to_bytes()) < 100 * 512 + 1000


def _restless(points: int) -> Values:
    rng = np.random.default_rng(11)
    return np.cumsum(rng.standard_normal(points)) + np.where(rng.random(points) < 0.01, 60.0, 0.0)


def test_a_series_that_alarms_too_often_raises_its_own_level_until_the_budget_holds() -> None:
    points = 2016 * 12
    detector = StreamDetector(StreamSettings(false_alarms_per_week=1.0))
    raised = alarms(detector.step(columns(_restless(points))))
    spent = detector.spending()

    assert spent.alarms[0] == len(raised)
    assert spent.weeks[0] == pytest.approx(12.0, rel=0.02)
    assert len([row for row in raised if row > points // 2]) <= 9


def test_a_larger_budget_buys_more_alarms() -> None:
    counts = [
        len(alarms(judged(_restless(8000), StreamDetector(StreamSettings(false_alarms_per_week=budget)))))
        for budget in (0.25, 2.0, 16.0)
    ]

    assert counts[0] < counts[1] < counts[2]


def test_the_hash_of_a_configuration_changes_with_every_setting() -> None:
    variants = [
        StreamSettings(),
        StreamSettings(false_alarms_per_week=2.0),
        StreamSettings(warm_up_points=30),
        StreamSettings(components=frozenset({Component.SPIKE})),
    ]

    assert len({variant.digest() for variant in variants}) == len(variants)
    assert StreamSettings().digest() == StreamSettings(components=frozenset(reversed(Component))).digest()

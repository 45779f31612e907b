"""How the double judges alarms: the tables of AWS's documentation on missing data."""

from __future__ import annotations

import pytest

from recoverops.testing.aws.evaluation import Demand, State, state_of, statistic_of

OK, ALARM, NONE, SAME = State.OK, State.ALARM, State.INSUFFICIENT_DATA, "as before"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")

# alarms-and-missing-data.html: oldest first, 0 fits, X breaches, - is missing; then the state by treatment
THREE_OF_THREE = {
    "0-X-X": (OK, OK, OK, OK),
    "0----": (OK, OK, OK, OK),
    "-----": (NONE, SAME, ALARM, OK),
    "0XX-X": (ALARM, ALARM, ALARM, ALARM),
    "--X--": (ALARM, SAME, ALARM, OK),
}
TWO_OF_THREE = {
    "0-X-X": (ALARM, ALARM, ALARM, ALARM),
    "00X0X": (ALARM, ALARM, ALARM, ALARM),
    "0-X--": (OK, OK, ALARM, OK),
    "----0": (OK, OK, ALARM, OK),
    "---X-": (ALARM, SAME, ALARM, OK),
}


def cases() -> list[tuple[str, int, str, object]]:
    return [
        (pattern, to_alarm, treatment, expected)
        for to_alarm, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
        for pattern, row in table.items()
        for treatment, expected in zip(TREATMENTS, row, strict=True)
    ]


@pytest.mark.parametrize(("pattern", "to_alarm", "treatment", "expected"), cases())
@pytest.mark.parametrize("before", list(State))
def test_missing_data_is_treated_as_aws_says(
    pattern: str, to_alarm: int, treatment: str, expected: object, before: State
) -> None:
    demand = Demand(comparison="GreaterThanThreshold", threshold=1.0, periods=3, to_alarm=to_alarm, missing=treatment)
    values = [{"0": 0.0, "X": 2.0, "-": None}[one] for one in reversed(pattern)]
    assert state_of(demand, values, before) == (before if expected == SAME else expected)


@pytest.mark.parametrize(
    ("comparison", "at_threshold"),
    [
        ("GreaterThanThreshold", OK),
        ("GreaterThanOrEqualToThreshold", ALARM),
        ("LessThanThreshold", OK),
        ("LessThanOrEqualToThreshold", ALARM),
    ],
)
def test_a_comparison_says_what_happens_at_the_threshold(comparison: str, at_threshold: State) -> None:
    demand = Demand(comparison=comparison, threshold=1.0, periods=1, to_alarm=1, missing="missing")
    assert state_of(demand, [1.0], OK) == at_threshold


def test_statistics_are_of_the_values_of_a_period() -> None:
    values = [1.0, 2.0, 3.0, 10.0]
    assert [statistic_of(one, values) for one in ("Average", "Sum", "Minimum", "Maximum", "SampleCount")] == [
        4.0,
        16.0,
        1.0,
        10.0,
        4.0,
    ]
    assert (statistic_of("p50", values), statistic_of("p99", values)) == (2.0, 10.0)

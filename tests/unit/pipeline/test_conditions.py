"""What is known now: the newest word on each series and metric, and nothing that is out of date or no number."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import Condition, ConditionStatus, Resource, ResourceKind, Sample
from recoverops.pipeline import Conditions

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
PAYMENT = Resource(kind=ResourceKind.SERVICE, name="payment")
LONG_AGO = NOON - timedelta(days=1)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def sample(value: float, seconds: float = 0, *, metric: str = "cpu", resource: Resource = CHECKOUT) -> Sample:
    return Sample(resource=resource, metric=metric, value=value, at=at(seconds), source="test")


def condition(status: ConditionStatus, resource: Resource = CHECKOUT) -> Condition:
    return Condition(
        series=f"{resource}/up",
        resource=resource,
        symptom="availability",
        status=status,
        since=NOON,
        last_at=NOON,
        value=1.0,
        statement="s",
    )


def test_the_newest_condition_of_a_series_replaces_the_one_before() -> None:
    known = Conditions()
    known.put(condition(ConditionStatus.NORMAL))
    known.put(condition(ConditionStatus.ABNORMAL))

    assert known.of(CHECKOUT, "service:checkout/up") == condition(ConditionStatus.ABNORMAL)
    assert known.of_resource(CHECKOUT) == (condition(ConditionStatus.ABNORMAL),)


def test_what_nobody_has_spoken_of_is_unknown() -> None:
    known = Conditions()
    known.put(condition(ConditionStatus.NORMAL))
    known.put_sample(sample(1.0))

    assert known.of(PAYMENT, "service:payment/up") is None
    assert known.of_resource(PAYMENT) == ()
    assert known.metrics_of(PAYMENT, since=LONG_AGO) == {}


def test_a_metric_is_there_while_its_newest_sample_is_fresh() -> None:
    known = Conditions()
    known.put_sample(sample(0.5, 0))
    known.put_sample(sample(3.0, 60, metric="errors"))

    assert known.metrics_of(CHECKOUT, since=at(0)) == {"cpu": 0.5, "errors": 3.0}
    assert known.metrics_of(CHECKOUT, since=at(0.001)) == {"errors": 3.0}
    assert known.metrics_of(CHECKOUT, since=at(61)) == {}


def test_a_late_sample_does_not_replace_a_newer_one() -> None:
    known = Conditions()
    known.put_sample(sample(0.5, 10))
    known.put_sample(sample(0.9, 5))

    assert known.metrics_of(CHECKOUT, since=LONG_AGO) == {"cpu": 0.5}


def test_what_is_no_number_is_no_measurement() -> None:
    known = Conditions()
    known.put_sample(sample(math.nan))
    assert known.metrics_of(CHECKOUT, since=LONG_AGO) == {}

    known.put_sample(sample(0.5, 1))
    known.put_sample(sample(math.nan, 2))
    assert known.metrics_of(CHECKOUT, since=LONG_AGO) == {"cpu": 0.5}


@given(st.lists(st.tuples(st.floats(allow_nan=True, allow_infinity=False), st.integers(0, 50)), max_size=20))
def test_in_whatever_order_samples_come_the_newest_number_is_known(samples: list[tuple[float, int]]) -> None:
    known = Conditions()
    for value, seconds in samples:
        known.put_sample(sample(value, seconds))

    numbers = [(seconds, value) for value, seconds in samples if not math.isnan(value)]
    newest = {value for seconds, value in numbers if seconds == max(numbers)[0]}
    found = known.metrics_of(CHECKOUT, since=LONG_AGO)
    assert (found.get("cpu") in newest) if numbers else found == {}

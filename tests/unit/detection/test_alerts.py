"""What somebody else's alert says: repetition, the order of an HA pair, its end, a new occurrence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.detection import alerts
from recoverops.model import (
    Alert,
    AlertStatus,
    Anomaly,
    Condition,
    ConditionStatus,
    Resource,
    ResourceKind,
    Severity,
    is_alert_series,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")


def at(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def firing(start: int) -> Alert:
    return Alert(
        source="alertmanager",
        fingerprint="f1",
        status=AlertStatus.FIRING,
        starts_at=at(start),
        labels={"alertname": "ServiceDown"},
    )


def resolved(start: int, end: int | None) -> Alert:
    return Alert(
        source="alertmanager",
        fingerprint="f1",
        status=AlertStatus.RESOLVED,
        starts_at=at(start),
        ends_at=None if end is None else at(end),
        labels={"alertname": "ServiceDown"},
    )


def follow(*deliveries: Alert) -> tuple[Condition, list[Anomaly]]:
    condition, anomalies = None, []
    for alert in deliveries:
        condition, anomaly = alerts.step(
            condition, alert, resource=CHECKOUT, symptom="availability", severity=Severity.HIGH
        )
        anomalies += [anomaly] if anomaly else []
    assert condition is not None
    return condition, anomalies


STORIES: dict[str, tuple[tuple[Alert, ...], bool, int, int]] = {
    # deliveries, whether it fires after them, since when, how many anomalies on the way
    "it fires": ((firing(0),), True, 0, 1),
    "it is repeated": ((firing(0), firing(0), firing(0)), True, 0, 1),
    "it ends": ((firing(0), resolved(0, 60)), False, 60, 1),
    "its end is repeated": ((firing(0), resolved(0, 60), resolved(0, 60)), False, 60, 1),
    "the late twin of an HA pair still says firing": ((firing(0), resolved(0, 60), firing(0)), False, 60, 1),
    "the end comes before the beginning": ((resolved(0, 60), firing(0)), False, 60, 0),
    "only the end is ever heard": ((resolved(0, 60),), False, 60, 0),
    "it fires again": ((firing(0), resolved(0, 60), firing(90)), True, 90, 2),
    "it fires again and nobody told of the end": ((firing(0), firing(90)), True, 90, 2),
    "the end of the first comes after the second began": ((firing(0), firing(90), resolved(0, 60)), True, 90, 2),
    "it ends where it began": ((firing(0), resolved(0, 0)), False, 0, 1),
    "it ends without a time": ((firing(0), resolved(0, None)), False, 0, 1),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_an_alert_is_what_its_newest_change_says(story: tuple[tuple[Alert, ...], bool, int, int]) -> None:
    deliveries, fires, since, count = story

    condition, anomalies = follow(*deliveries)

    assert condition.status is (ConditionStatus.ABNORMAL if fires else ConditionStatus.NORMAL)
    assert condition.since == at(since)
    assert len(anomalies) == count


def test_a_condition_of_an_alert_is_sticky_carries_no_number_and_says_who_told_it() -> None:
    condition, (anomaly,) = follow(firing(0))

    assert condition.sticky
    assert condition.value is None
    assert condition.series == "service:checkout/alert:ServiceDown:f1"
    assert is_alert_series(condition.series)
    assert anomaly.statement == 'alert "ServiceDown" from alertmanager is firing since 12:00:00 UTC'
    assert (anomaly.severity, anomaly.since, anomaly.detector) == (Severity.HIGH, NOON, "alert")


FACTS = [firing(0), resolved(0, 60), firing(90), resolved(90, 120)]


@pytest.mark.parametrize("order", list(permutations(FACTS)))
def test_in_whatever_order_an_ha_pair_delivers_the_end_of_the_story_is_the_same(order: tuple[Alert, ...]) -> None:
    condition, _ = follow(*order)

    assert (condition.status, condition.since) == (ConditionStatus.NORMAL, at(120))


@given(st.lists(st.sampled_from(FACTS), min_size=1, max_size=20))
def test_a_condition_never_goes_back_in_time(deliveries: list[Alert]) -> None:
    condition = None
    for alert in deliveries:
        following, anomaly = alerts.step(condition, alert, resource=CHECKOUT, symptom="s", severity=Severity.HIGH)
        assert following is not None
        assert condition is None or following.since >= condition.since
        assert anomaly is None or following.status is ConditionStatus.ABNORMAL
        condition = following


def named(name: str) -> Alert:
    return Alert(
        source="alertmanager", fingerprint="f1", status=AlertStatus.FIRING, starts_at=NOON, labels={"alertname": name}
    )


def test_what_is_said_of_an_alert_with_a_hostile_name_is_printable_short_and_without_its_secret() -> None:
    _, (anomaly,) = follow(named("Evil\x1b[2J\r\nFAKE LINE resolved\u202e password=hunter2xyz " + "x" * 100_000))

    assert anomaly.statement.isprintable()
    assert anomaly.statement.startswith('alert "Evil\\u001b[2J\\r\\nFAKE LINE resolved\\u202e password=[redacted] xxx')
    assert "hunter2" not in anomaly.statement
    assert len(anomaly.statement) < 400
    assert len(anomaly.series) < 400
    assert anomaly.series.endswith(":f1"), "its sender's id tells it from others whose names begin alike"


def test_a_name_that_looks_like_a_secret_still_names_its_series() -> None:
    _, (anomaly,) = follow(named("Vault:TokenErrors:High"))
    assert anomaly.series == "service:checkout/alert:Vault:TokenErrors:High:f1"

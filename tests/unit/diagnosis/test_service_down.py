"""Is it down, and how sure: confidence from the number of observers and how far they agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.diagnosis import diagnose
from recoverops.model import (
    Condition,
    ConditionStatus,
    Fingerprint,
    Hypothesis,
    Incident,
    IncidentId,
    IncidentKind,
    IncidentState,
    Resource,
    ResourceKind,
    Severity,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
MAX_AGE = timedelta(seconds=30)


def incident(symptom: str = "availability") -> Incident:
    return Incident(
        id=IncidentId("inc-1"),
        fingerprint=Fingerprint("f"),
        resource=CHECKOUT,
        symptom=symptom,
        severity=Severity.HIGH,
        state=IncidentState.OPEN,
        title="t",
        opened_at=NOON,
        updated_at=NOON,
        series=("service:checkout/up",),
    )


def condition(
    metric: str,
    status: ConditionStatus = ConditionStatus.ABNORMAL,
    *,
    age: float = 1,
    symptom: str = "availability",
    sticky: bool = False,
) -> Condition:
    return Condition(
        series=f"service:checkout/{metric}",
        resource=CHECKOUT,
        symptom=symptom,
        status=status,
        since=NOON - timedelta(seconds=age + 5),
        last_at=NOON - timedelta(seconds=age),
        value=0.0,
        statement=f"{metric} said so",
        sticky=sticky,
    )


def conclude(*conditions: Condition, symptom: str = "availability") -> tuple[Hypothesis, ...]:
    """What is said of its being down; other causes have their own tests."""
    found = diagnose(incident(symptom), conditions, now=NOON, max_age=MAX_AGE)
    return tuple(one for one in found if one.cause is IncidentKind.SERVICE_DOWN)


DOWN, WELL = ConditionStatus.ABNORMAL, ConditionStatus.NORMAL
PENDING, UNKNOWN = ConditionStatus.PENDING, ConditionStatus.NOT_ENOUGH_DATA

CONFIDENCE: dict[str, tuple[tuple[Condition, ...], float | None]] = {
    "nobody says anything": ((), None),
    "one of one": ((condition("a", DOWN),), 0.667),
    "two of two": ((condition("a", DOWN), condition("b", DOWN)), 0.75),
    "three of three": ((condition("a", DOWN), condition("b", DOWN), condition("c", DOWN)), 0.8),
    "one of two": ((condition("a", DOWN), condition("b", WELL)), 0.5),
    "one of three": ((condition("a", DOWN), condition("b", WELL), condition("c", WELL)), 0.4),
    "none of two": ((condition("a", WELL), condition("b", WELL)), None),
    "pending counts as down": ((condition("a", PENDING),), 0.667),
    "who cannot tell is no observer": ((condition("a", DOWN), condition("b", UNKNOWN)), 0.667),
    "only one who cannot tell": ((condition("a", UNKNOWN),), None),
    "as old as allowed": ((condition("a", DOWN, age=30),), 0.667),
    "too old to say anything of now": ((condition("a", DOWN, age=30.001),), None),
    "an old one does not weaken a fresh one": ((condition("a", DOWN), condition("b", WELL, age=31)), 0.667),
    "an old alert that still fires": ((condition("alert:X:1", DOWN, age=9000, sticky=True),), 0.667),
    "an alert against our own probe": (
        (condition("a", WELL), condition("alert:X:1", DOWN, age=9000, sticky=True)),
        0.5,
    ),
    "another symptom": ((condition("a", DOWN), condition("latency", DOWN, symptom="latency")), 0.667),
}


@pytest.mark.parametrize("case", CONFIDENCE.values(), ids=CONFIDENCE)
def test_confidence_follows_the_rule_of_succession(case: tuple[tuple[Condition, ...], float | None]) -> None:
    conditions, confidence = case

    hypotheses = conclude(*conditions)

    assert [one.confidence for one in hypotheses] == ([] if confidence is None else [confidence])
    assert all(one.cause is IncidentKind.SERVICE_DOWN and one.resource == CHECKOUT for one in hypotheses)


def test_evidence_is_kept_first_for_and_then_against() -> None:
    (found,) = conclude(condition("b", WELL), condition("a", DOWN))

    assert [(one.series, one.supports) for one in found.evidence] == [
        ("service:checkout/a", True),
        ("service:checkout/b", False),
    ]
    assert found.evidence[0].statement == "a said so"
    assert found.evidence[0].at == NOON - timedelta(seconds=1)


def test_slow_answers_alone_do_not_mean_that_it_is_down() -> None:
    assert conclude(condition("a", DOWN, symptom="latency"), symptom="latency") == ()


def test_hypotheses_are_ranked_by_confidence() -> None:
    found = diagnose(
        incident(),
        [condition("a", DOWN), condition("b", WELL), condition("http.server.duration", DOWN, symptom="latency")],
        now=NOON,
        max_age=MAX_AGE,
    )

    assert len(found) > 1
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)


@given(st.lists(st.sampled_from([DOWN, WELL]), min_size=1, max_size=8))
def test_one_more_voice_for_it_raises_the_confidence_and_one_against_lowers_it(votes: list[ConditionStatus]) -> None:
    def confidence(*statuses: ConditionStatus) -> float:
        found = conclude(*(condition(f"m{number}", status) for number, status in enumerate(statuses)))
        return found[0].confidence if found else 0.0

    before = confidence(DOWN, *votes)
    assert 0.0 < before < 1.0
    assert confidence(DOWN, *votes, WELL) < before < confidence(DOWN, *votes, DOWN)

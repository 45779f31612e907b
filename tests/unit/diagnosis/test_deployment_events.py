"""A deployment that somebody reported is evidence for a bad deployment, when it came shortly before the trouble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recoverops.diagnosis import diagnose
from recoverops.model import (
    Condition,
    ConditionStatus,
    Event,
    EventKind,
    Fingerprint,
    Hypothesis,
    Incident,
    IncidentId,
    IncidentKind,
    IncidentState,
    Resource,
    ResourceKind,
    Sample,
    Severity,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
FAILING = Condition(
    series="service:checkout/http.server.error_ratio",
    resource=CHECKOUT,
    symptom="errors",
    status=ConditionStatus.ABNORMAL,
    since=NOON,
    last_at=NOON,
    value=0.4,
    statement="40 % of answers are errors",
)


def event(before: float, *, kind: EventKind = EventKind.DEPLOYMENT) -> Event:
    at = NOON - timedelta(seconds=before)
    return Event(source="trail", id="e1", at=at, kind=kind, summary="checkout:42", actor="alice", resources=(CHECKOUT,))


def suspected(*events: Event, samples: tuple[Sample, ...] = ()) -> Hypothesis | None:
    incident = Incident(
        id=IncidentId("inc-1"),
        fingerprint=Fingerprint("f"),
        resource=CHECKOUT,
        symptom="errors",
        severity=Severity.HIGH,
        state=IncidentState.OPEN,
        title="t",
        opened_at=NOON,
        updated_at=NOON,
    )
    found = diagnose(incident, [FAILING], now=NOON, max_age=timedelta(seconds=30), events=events, samples=samples)
    return next((one for one in found if one.cause is IncidentKind.BAD_DEPLOYMENT), None)


def test_a_deployment_shortly_before_is_told_with_who_and_what() -> None:
    found = suspected(event(90))
    assert found is not None
    assert found.confidence == 0.75
    assert found.evidence[0].statement == "deployment at 11:58:30 UTC by alice: checkout:42"
    assert found.evidence[0].series == "service:checkout/event:trail:e1"


@pytest.mark.parametrize(
    "given",
    [(), (event(601),), (event(-1),), (event(90, kind=EventKind.SCALING),)],
    ids=["none", "long before", "after it began", "no deployment"],
)
def test_anything_else_is_not(given: tuple[Event, ...]) -> None:
    assert suspected(*given) is None


def test_the_host_and_the_event_together_are_surer() -> None:
    age = Sample(resource=CHECKOUT, metric="release.age", value=60.0, at=NOON, source="release")
    found = suspected(event(60), samples=(age,))
    assert found is not None
    assert found.confidence == 0.8

"""How an incident begins, grows, and is over by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.incidents import fingerprint, is_clear, is_firing, joined, may_reopen_at, opened, reopened
from recoverops.model import (
    Anomaly,
    Condition,
    ConditionStatus,
    Incident,
    IncidentId,
    IncidentState,
    Resource,
    ResourceKind,
    ResponseStage,
    Severity,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NORMAL, PENDING, ABNORMAL = ConditionStatus.NORMAL, ConditionStatus.PENDING, ConditionStatus.ABNORMAL
UNKNOWN = ConditionStatus.NOT_ENOUGH_DATA
SETTLED, MAX_AGE = timedelta(seconds=30), timedelta(seconds=60)


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def service(name: str = "checkout") -> Resource:
    return Resource(kind=ResourceKind.SERVICE, name=name)


def anomaly(metric: str = "up", *, severity: Severity = Severity.HIGH, symptom: str = "availability") -> Anomaly:
    return Anomaly(
        series=f"service:checkout/{metric}",
        resource=service(),
        symptom=symptom,
        severity=severity,
        since=ago(5),
        at=NOON,
        value=0.0,
        statement=f"{metric} was 0",
        detector="threshold",
    )


def incident(*metrics: str) -> Incident:
    found = opened(anomaly(metrics[0]), incident_id=IncidentId("inc-1"), now=NOON)
    for metric in metrics[1:]:
        found = joined(found, anomaly(metric), now=NOON)
    return found


def condition(
    metric: str = "up",
    status: ConditionStatus = NORMAL,
    *,
    since: float = 30,
    last: float = 0,
    sticky: bool = False,
) -> Condition:
    return Condition(
        series=f"service:checkout/{metric}",
        resource=service(),
        symptom="availability",
        status=status,
        since=ago(since),
        last_at=ago(last),
        value=1.0,
        statement="s",
        sticky=sticky,
    )


def test_one_trouble_of_one_resource_has_one_fingerprint() -> None:
    same = fingerprint(service(), "availability")

    assert fingerprint(service(), "availability") == same
    assert fingerprint(service(), "alert:CertificateExpires") != same
    assert fingerprint(service("payment"), "availability") != same
    assert fingerprint(Resource(kind=ResourceKind.HOST, name="checkout"), "availability") != same


@pytest.mark.parametrize("symptom", ["availability", "latency", "errors", "cpu", "memory", "disk"])
def test_symptoms_of_ill_health_are_one_trouble_of_a_resource(symptom: str) -> None:
    assert fingerprint(service(), symptom) == fingerprint(service(), "availability")
    assert fingerprint(service("payment"), symptom) != fingerprint(service(), "availability")


def test_an_incident_that_is_reopened_begins_a_new_episode() -> None:
    found = reopened(incident("up"), now=NOON)

    assert (found.state, found.response) == (IncidentState.OPEN, ResponseStage.DUE)
    assert (found.episode, found.segment) == (2, 1)


def test_an_incident_opens_with_what_was_seen_and_waits_for_its_response() -> None:
    found = opened(anomaly(), incident_id=IncidentId("inc-1"), now=NOON)

    assert (found.state, found.response, found.severity) == (IncidentState.OPEN, ResponseStage.DUE, Severity.HIGH)
    assert found.series == ("service:checkout/up",)
    assert found.fingerprint == fingerprint(service(), "availability")
    assert "service:checkout" in found.title
    assert "up was 0" in found.title


def test_a_known_series_changes_nothing() -> None:
    found = incident("up")

    assert joined(found, anomaly("up", severity=Severity.CRITICAL), now=NOON) is found


def test_a_new_series_joins_and_only_raises_the_severity() -> None:
    worse = joined(incident("up"), anomaly("probe", severity=Severity.CRITICAL), now=NOON + timedelta(seconds=1))
    milder = joined(worse, anomaly("alert:X:1", severity=Severity.LOW), now=NOON)

    assert worse.series == ("service:checkout/up", "service:checkout/probe")
    assert (worse.severity, worse.updated_at) == (Severity.CRITICAL, NOON + timedelta(seconds=1))
    assert milder.severity is Severity.CRITICAL
    assert len(milder.series) == 3


CLEAR: dict[str, tuple[tuple[str, ...], tuple[Condition, ...], bool]] = {
    "normal for long enough": (("up",), (condition(),), True),
    "a microsecond too short": (("up",), (condition(since=29.999999),), False),
    "still abnormal": (("up",), (condition(status=ABNORMAL),), False),
    "on its way back": (("up",), (condition(status=PENDING),), False),
    "nobody can tell": (("up",), (condition(status=UNKNOWN),), False),
    "missing": (("up",), (), False),
    "one of two missing": (("up", "probe"), (condition(),), False),
    "one of two abnormal": (("up", "probe"), (condition(), condition("probe", ABNORMAL)), False),
    "both normal": (("up", "probe"), (condition(), condition("probe")), True),
    "last heard of just in time": (("up",), (condition(since=300, last=60),), True),
    "stale": (("up",), (condition(since=300, last=60.000001),), False),
    "one of two stale": (("up", "probe"), (condition(), condition("probe", since=300, last=61)), False),
    "a resolved alert does not go stale": (
        ("alert:X:1",),
        (condition("alert:X:1", since=900, last=900, sticky=True),),
        True,
    ),
    "an alert that still fires": (("alert:X:1",), (condition("alert:X:1", ABNORMAL, sticky=True),), False),
    "an alert that ended just now": (("alert:X:1",), (condition("alert:X:1", since=1, last=1, sticky=True),), False),
    "somebody else's series does not matter": (("up",), (condition(), condition("other", ABNORMAL)), True),
}


@pytest.mark.parametrize("case", CLEAR.values(), ids=CLEAR)
def test_an_incident_is_over_when_every_series_at_fault_was_seen_normal_for_a_while(
    case: tuple[tuple[str, ...], tuple[Condition, ...], bool],
) -> None:
    metrics, conditions, expected = case

    assert is_clear(incident(*metrics), conditions, now=NOON, settled=SETTLED, max_age=MAX_AGE) is expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ((), False),
        ((condition(),), False),
        ((condition(status=ABNORMAL),), True),
        ((condition(status=PENDING),), True),
        ((condition(status=UNKNOWN),), False),
        ((condition("other", ABNORMAL),), False),
    ],
)
def test_an_incident_is_firing_while_a_series_at_fault_is(conditions: tuple[Condition, ...], expected: bool) -> None:
    assert is_firing(incident("up"), conditions) is expected


any_condition = st.builds(
    condition,
    st.sampled_from(["up", "probe", "alert:X:1"]),
    st.sampled_from(ConditionStatus),
    since=st.floats(0, 200),
    last=st.floats(0, 200),
    sticky=st.booleans(),
)


@given(st.lists(any_condition, max_size=4))
def test_an_incident_that_is_clear_is_never_firing(conditions: list[Condition]) -> None:
    newest = {one.series: one for one in conditions}
    found = incident("up", "probe")

    if is_clear(found, newest.values(), now=NOON, settled=SETTLED, max_age=MAX_AGE):
        assert not is_firing(found, newest.values())
        assert set(found.series) <= set(newest), "a missing series never clears"


def test_new_evidence_reopens_at_once_the_first_time_and_then_ever_later() -> None:
    finished = incident("up")
    pauses = []
    for episode in (1, 2, 3, 4, 40):
        again = msgspec.structs.replace(finished, episode=episode)
        pauses.append((may_reopen_at(again, now=again.updated_at) - again.updated_at).total_seconds())
    assert pauses == [0, 10, 20, 40, 600]


def test_a_title_hides_what_looks_like_a_secret_in_the_symptom() -> None:
    found = opened(anomaly(symptom="alert:DbDown password=hunter2xyz"), incident_id=IncidentId("inc-1"), now=NOON)
    assert found.title == "alert:DbDown password=[redacted] of service:checkout - up was 0"
    assert found.symptom == "alert:DbDown password=hunter2xyz", "by it the next alert finds its incident"


def test_the_name_of_a_service_is_no_key_of_a_secret() -> None:
    seen = msgspec.structs.replace(anomaly(), resource=service("token-service"))
    found = opened(seen, incident_id=IncidentId("inc-1"), now=NOON)
    assert found.title == "availability of service:token-service - up was 0"

"""Did it help? Evidence from after the action, without a break, from everybody who is asked; absence is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recoverops.model import (
    Condition,
    ConditionStatus,
    Fingerprint,
    Incident,
    IncidentId,
    IncidentState,
    Resource,
    ResourceKind,
    Severity,
    Verdict,
    VerdictStatus,
)
from recoverops.remediation import Runbook, VerifySettings, judge, next_look

ACTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
NORMAL, PENDING, ABNORMAL = ConditionStatus.NORMAL, ConditionStatus.PENDING, ConditionStatus.ABNORMAL
UNKNOWN = ConditionStatus.NOT_ENOUGH_DATA
HOLD, LAG, TIMEOUT = 5, 2, 60
VERIFY = VerifySettings(hold=timedelta(seconds=HOLD), lag=timedelta(seconds=LAG), timeout=timedelta(seconds=TIMEOUT))
EARLIEST = LAG + HOLD
BEGUN = -10
"""It took so long until the action was known to have ended."""


def at(seconds: float) -> datetime:
    """Seconds after the action."""
    return ACTED + timedelta(seconds=seconds)


def incident(*metrics: str) -> Incident:
    return Incident(
        id=IncidentId("inc-1"),
        fingerprint=Fingerprint("f"),
        resource=CHECKOUT,
        symptom="availability",
        severity=Severity.HIGH,
        state=IncidentState.VERIFYING,
        title="t",
        opened_at=at(-10),
        updated_at=ACTED,
        series=tuple(f"service:checkout/{metric}" for metric in metrics),
    )


def seen(
    metric: str = "up",
    status: ConditionStatus = NORMAL,
    *,
    since: float = 1,
    last: float = EARLIEST,
    symptom: str = "availability",
) -> Condition:
    return Condition(
        series=f"service:checkout/{metric}",
        resource=CHECKOUT,
        symptom=symptom,
        status=status,
        since=at(since),
        last_at=at(last),
        value=1.0,
        statement=f"{metric} is {status}",
    )


def told(status: ConditionStatus, *, since: float) -> Condition:
    """What an alert says."""
    return Condition(
        series="service:checkout/alert:Down:f1",
        resource=CHECKOUT,
        symptom="availability",
        status=status,
        since=at(since),
        last_at=at(since),
        value=None,
        statement=f"the alert is {status}",
        sticky=True,
    )


def verdict(found: Incident, *conditions: Condition, now: float) -> Verdict | None:
    return judge(found, conditions, begun_at=at(BEGUN), acted_at=ACTED, now=at(now), verify=VERIFY)


ALERT = "alert:Down:f1"
Case = tuple[tuple[str, ...], tuple[Condition, ...], float, VerdictStatus | None]

VERDICTS: dict[str, Case] = {
    # the series at fault, what is known, seconds since the action, the verdict
    "normal for the whole hold after the lag": (("up",), (seen(),), EARLIEST, VerdictStatus.RECOVERED),
    "a microsecond too short": (("up",), (seen(last=EARLIEST - 0.000001),), EARLIEST, None),
    "normal before the action already does not count": (("up",), (seen(since=-60, last=EARLIEST - 1),), 30, None),
    "normal before and after": (("up",), (seen(since=-60),), EARLIEST, VerdictStatus.RECOVERED),
    "the lag does not count": (("up",), (seen(since=0.5, last=HOLD + 0.5),), 30, None),
    "a break resets the hold": (("up",), (seen(since=6, last=10),), 30, None),
    "after the break it held": (("up",), (seen(since=6, last=11),), 30, VerdictStatus.RECOVERED),
    "time that passes is no sample": (("up",), (seen(last=3),), 59, None),
    "pending is not normal": (("up",), (seen(status=PENDING),), 30, None),
    "one of two is still abnormal": (("up", "probe"), (seen(), seen("probe", ABNORMAL)), 30, None),
    "one of two is missing": (("up", "probe"), (seen(),), 30, None),
    "both recovered": (("up", "probe"), (seen(), seen("probe")), EARLIEST, VerdictStatus.RECOVERED),
    "another measurement of the symptom says no": (("up",), (seen(), seen("probe", ABNORMAL)), 30, None),
    "another symptom does not matter": (
        ("up",),
        (seen(), seen("latency", ABNORMAL, symptom="latency")),
        EARLIEST,
        VerdictStatus.RECOVERED,
    ),
    "measured after the action outweighs a late alert": (
        ("up", ALERT),
        (seen(), told(ABNORMAL, since=-20)),
        EARLIEST,
        VerdictStatus.RECOVERED,
    ),
    "a resolved alert does not outweigh a measurement": (
        ("up", ALERT),
        (seen(status=ABNORMAL), told(NORMAL, since=3)),
        30,
        None,
    ),
    "our own probe is asked even when only an alert is at fault": (
        (ALERT,),
        (seen("probe", ABNORMAL), told(NORMAL, since=3)),
        30,
        None,
    ),
    "an alert alone, resolved after the action and quiet since": (
        (ALERT,),
        (told(NORMAL, since=3),),
        3 + HOLD,
        VerdictStatus.RECOVERED,
    ),
    "an alert alone, resolved too short ago": ((ALERT,), (told(NORMAL, since=3),), 3 + HOLD - 0.001, None),
    "an alert that was resolved while the action went on": (
        (ALERT,),
        (told(NORMAL, since=BEGUN + LAG),),
        EARLIEST,
        VerdictStatus.RECOVERED,
    ),
    "the hold of such an alert begins after the action": (
        (ALERT,),
        (told(NORMAL, since=BEGUN + LAG),),
        EARLIEST - 0.001,
        None,
    ),
    "an alert that was resolved before the action began, and its lag": (
        (ALERT,),
        (told(NORMAL, since=BEGUN + LAG - 0.001),),
        30,
        None,
    ),
    "to the end nobody knows of such an alert": (
        (ALERT,),
        (told(NORMAL, since=BEGUN + LAG - 0.001),),
        TIMEOUT,
        VerdictStatus.UNKNOWN,
    ),
    "an alert alone that still fires": ((ALERT,), (told(ABNORMAL, since=-20),), 30, None),
    "nothing at all, early": (("up",), (), 59.999, None),
    "nothing at all, at the end": (("up",), (), TIMEOUT, VerdictStatus.UNKNOWN),
    "an incident without series": ((), (), TIMEOUT, VerdictStatus.UNKNOWN),
    "silence since the action": (("up",), (seen(status=ABNORMAL, since=-9, last=-1),), 60, VerdictStatus.UNKNOWN),
    "silence since the very moment of the action and its lag": (
        ("up",),
        (seen(status=ABNORMAL, since=-9, last=LAG),),
        60,
        VerdictStatus.UNKNOWN,
    ),
    "normal before the action, then silence": (("up",), (seen(since=-9, last=-1),), 60, VerdictStatus.UNKNOWN),
    "too little data": (("up",), (seen(status=UNKNOWN),), 60, VerdictStatus.UNKNOWN),
    "normal, but not for long enough in time": (("up",), (seen(since=58, last=60),), 60, VerdictStatus.UNKNOWN),
    "still abnormal at the end": (("up",), (seen(status=ABNORMAL, last=60),), 60, VerdictStatus.NO_EFFECT),
    "pending at the end": (("up",), (seen(status=PENDING, last=60),), 60, VerdictStatus.NO_EFFECT),
    "an alert alone that fires to the end": ((ALERT,), (told(ABNORMAL, since=-20),), 60, VerdictStatus.NO_EFFECT),
    "judged by baselines alone, back where it used to be": (
        ("baseline:up",),
        (seen("baseline:up"),),
        EARLIEST,
        VerdictStatus.RECOVERED,
    ),
    "back by its limit, not yet by its own past": (("up",), (seen(), seen("baseline:up", PENDING)), 30, None),
    "recovered at the last moment": (("up",), (seen(since=55, last=60),), 60, VerdictStatus.RECOVERED),
    "one silent, one abnormal": (("up", "probe"), (seen(status=ABNORMAL, last=60),), 60, VerdictStatus.NO_EFFECT),
}


@pytest.mark.parametrize("case", VERDICTS.values(), ids=VERDICTS)
def test_whether_it_helped(case: Case) -> None:
    metrics, conditions, now, expected = case

    found = verdict(incident(*metrics), *conditions, now=now)

    assert (found.status if found else None) is expected


def test_a_recovery_names_its_evidence() -> None:
    found = verdict(incident("up"), seen(), now=EARLIEST)

    assert found is not None
    assert found.statement == "every series asked has been normal for 5 s after the action"
    assert found.evidence == ("up is normal",)


def test_silence_is_named_by_its_series() -> None:
    found = verdict(incident("up", "probe"), seen(since=50, last=60), now=60)

    assert found is not None
    assert found.status is VerdictStatus.UNKNOWN
    assert found.statement == (
        "nobody can tell within 60 s: nothing was heard of service:checkout/probe since the action"
    )


def test_no_effect_says_what_is_still_wrong() -> None:
    found = verdict(incident("up"), seen(status=ABNORMAL, last=60), now=60)

    assert found is not None
    assert found.statement == "it did not help within 60 s: up is abnormal"


any_status = st.sampled_from(ConditionStatus)
offsets = st.floats(-20, 80).map(lambda number: round(number, 3))


@st.composite
def any_condition(draw: st.DrawFn) -> Condition:
    if draw(st.booleans()):
        return told(draw(any_status), since=draw(offsets))
    since = draw(offsets)
    return seen(
        draw(st.sampled_from(["up", "probe"])),
        draw(any_status),
        since=since,
        last=since + draw(st.floats(0, 80)),
        symptom=draw(st.sampled_from(["availability", "latency"])),
    )


@given(
    st.lists(st.sampled_from(["up", "probe", ALERT]), unique=True),
    st.lists(any_condition(), max_size=4),
    offsets,
)
def test_recovery_is_never_claimed_without_evidence_from_after_the_action_that_covers_the_hold(
    metrics: list[str], conditions: list[Condition], now: float
) -> None:
    newest = {one.series: one for one in conditions}
    found = verdict(incident(*metrics), *newest.values(), now=now)

    if found is None or found.status is not VerdictStatus.RECOVERED:
        return
    normal = [one for one in newest.values() if one.status is NORMAL]
    held_until = [
        (at(now) if one.sticky else one.last_at) - max(one.since, at(LAG))
        for one in normal
        if not one.sticky or one.since >= at(BEGUN + LAG)
    ]
    assert held_until, "nobody who is normal has said anything since the action"
    assert max(held_until) >= timedelta(seconds=HOLD)
    ours = {name for name in incident(*metrics).series if "/alert:" not in name}
    assert ours <= {one.series for one in normal}, "a series at fault of our own is missing or not normal"


@given(st.lists(any_condition(), max_size=4), offsets)
def test_before_the_timeout_there_is_recovery_or_no_verdict_and_after_it_there_always_is_one(
    conditions: list[Condition], now: float
) -> None:
    found = verdict(incident("up"), *{one.series: one for one in conditions}.values(), now=now)

    if now < TIMEOUT:
        assert found is None or found.status is VerdictStatus.RECOVERED
    else:
        assert found is not None


@pytest.mark.parametrize(
    ("hold", "lag", "timeout", "words"),
    [(60, 0, 60, "shorter than timeout"), (30, 30, 60, "shorter than timeout"), (5, 0, 3601, "1h or shorter")],
)
def test_settings_that_can_never_be_met_are_refused(hold: int, lag: int, timeout: int, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        VerifySettings(hold=timedelta(seconds=hold), lag=timedelta(seconds=lag), timeout=timedelta(seconds=timeout))


def test_the_digest_of_a_runbook_changes_with_what_it_does() -> None:
    book = Runbook(name="restart", action="restart-service")
    others = [
        book.model_copy(update={"action": "stop-service"}),
        book.model_copy(update={"arguments": {"force": "yes"}}),
        book.model_copy(update={"verify": VERIFY}),
    ]

    assert len({book.digest, *(other.digest for other in others)}) == 4
    assert Runbook(name="restart", action="restart-service").digest == book.digest


@pytest.mark.parametrize(
    ("conditions", "now", "waits"),
    [
        pytest.param([seen(status=ABNORMAL)], 10, HOLD, id="still bad: a hold from now at the earliest"),
        pytest.param([], 10, HOLD, id="nothing known: the same"),
        pytest.param([seen(since=8)], 10, 8 + HOLD - 10, id="normal: until its hold is kept"),
        pytest.param([seen(since=0)], 4, LAG + HOLD - 4, id="what was before the lag does not count"),
        pytest.param([seen(since=3)], 10, 1, id="kept already, and only a sample is missing: at least this long"),
        pytest.param([seen(status=ABNORMAL)], TIMEOUT - 2, 2, id="never past the timeout"),
    ],
)
def test_the_next_look_comes_when_it_can_find_more(conditions: list[Condition], now: float, waits: float) -> None:
    wait = next_look(
        incident("up"), conditions, acted_at=ACTED, now=at(now), verify=VERIFY, at_least=timedelta(seconds=1)
    )
    assert wait == timedelta(seconds=waits)

"""Every gate, open and shut: its answer, its reason, and the numbers in its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from tests.unit.decision.builders import (
    MICROSECOND,
    NOW,
    SERIES,
    approval,
    condition,
    facts,
    group_of,
    incident,
    plan,
    resource,
    rule,
    seconds,
    settings,
    silence,
    usage,
)

from recoverops.decision import GATES, Facts
from recoverops.model import (
    ApprovalState,
    Condition,
    ConditionStatus,
    EffectClass,
    GateAnswer,
    GateName,
    GateVerdict,
    Mode,
    Plan,
    Reason,
    RunId,
    RunRequest,
    Severity,
    StopState,
)

BY_NAME = dict(GATES)
STILL_STANDING = {
    GateName.EMERGENCY_STOP,
    GateName.PROTECTED_TARGETS,
    GateName.MAINTENANCE,
    GateName.ALLOW_LIST,
    GateName.COOLDOWN,
    GateName.RATE,
    GateName.LOCK,
    GateName.BLAST_RADIUS,
}
"""The gates that a person's request does not open."""
NORMAL, ABNORMAL, PENDING = ConditionStatus.NORMAL, ConditionStatus.ABNORMAL, ConditionStatus.PENDING
UNKNOWN = ConditionStatus.NOT_ENOUGH_DATA
HOUR, DAY = seconds(3600), seconds(86400)
REFIRED = condition(sticky=True)
"""An alert that fires since six seconds."""


def ask(name: GateName, given: Facts) -> GateVerdict:
    return BY_NAME[name](given)


def test_the_gates_are_asked_in_the_order_of_their_names() -> None:
    assert [name for name, _ in GATES] == list(GateName)


@pytest.mark.parametrize("name", list(GateName))
def test_each_gate_answers_under_its_own_name(name: GateName) -> None:
    assert ask(name, facts()).gate is name


@pytest.mark.parametrize("name", list(GateName))
def test_each_gate_passes_when_nothing_stands_in_the_way(name: GateName) -> None:
    verdict = ask(name, facts())

    assert (verdict.answer, verdict.reason, verdict.retry_at) == (GateAnswer.PASS, Reason.OK, None)
    assert verdict.statement


Case = tuple[GateName, Mapping[str, Any], GateAnswer, Reason, str]

SHUT: dict[str, Case] = {
    "the stop is engaged": (
        GateName.EMERGENCY_STOP,
        {"stop": StopState(stopped=True, reason="drill", by="ada")},
        GateAnswer.REFUSE,
        Reason.EMERGENCY_STOP,
        "engaged by ada: drill",
    ),
    "the stop is engaged and nobody said why": (
        GateName.EMERGENCY_STOP,
        {"stop": StopState(stopped=True)},
        GateAnswer.REFUSE,
        Reason.EMERGENCY_STOP,
        "engaged by somebody",
    ),
    "the stop cannot be read": (
        GateName.EMERGENCY_STOP,
        {"stop": None},
        GateAnswer.REFUSE,
        Reason.STOP_STATE_UNKNOWN,
        "counts as engaged",
    ),
    "the target is protected": (
        GateName.PROTECTED_TARGETS,
        {"settings": settings(protected=("service:pay*", "service:check*"))},
        GateAnswer.REFUSE,
        Reason.TARGET_PROTECTED,
        'service:checkout is protected by the pattern "service:check*"',
    ),
    "something else that it touches is protected": (
        GateName.PROTECTED_TARGETS,
        {"settings": settings(protected=("service:db",)), "plan": plan(touches=(resource(), resource("db")))},
        GateAnswer.REFUSE,
        Reason.TARGET_PROTECTED,
        "service:db is protected",
    ),
    "the plan does not admit that it touches its protected target": (
        GateName.PROTECTED_TARGETS,
        {"settings": settings(protected=("service:checkout",)), "plan": plan(touches=())},
        GateAnswer.REFUSE,
        Reason.TARGET_PROTECTED,
        "service:checkout is protected",
    ),
    "the target is silenced": (
        GateName.MAINTENANCE,
        {"silences": (silence(),)},
        GateAnswer.WAIT,
        Reason.SILENCED,
        "service:checkout is silenced (sil-1 by person:ada until 2026-03-01 12:01:00 UTC: new kernel)",
    ),
    "something else that it touches is silenced": (
        GateName.MAINTENANCE,
        {"silences": (silence("service:db"),), "plan": plan(touches=(resource(), resource("db")))},
        GateAnswer.WAIT,
        Reason.SILENCED,
        "service:db is silenced",
    ),
    "a silence that begins now": (
        GateName.MAINTENANCE,
        {"silences": (silence(starts_at=NOW),)},
        GateAnswer.WAIT,
        Reason.SILENCED,
        "service:checkout is silenced",
    ),
    "the target is not on the allow list": (
        GateName.ALLOW_LIST,
        {"settings": settings(allow=("service:pay*",))},
        GateAnswer.REFUSE,
        Reason.NOT_ON_ALLOW_LIST,
        "no pattern of decision.allow matches service:checkout",
    ),
    "nothing is allowed": (
        GateName.ALLOW_LIST,
        {"settings": settings(allow=())},
        GateAnswer.REFUSE,
        Reason.NOT_ON_ALLOW_LIST,
        "service:checkout",
    ),
    "the target is not in the inventory": (
        GateName.ALLOW_LIST,
        {"inventory": group_of("payment")},
        GateAnswer.REFUSE,
        Reason.TARGET_UNKNOWN,
        "service:checkout is not in the inventory",
    ),
    "something else that it touches is not in the inventory": (
        GateName.ALLOW_LIST,
        {"plan": plan(touches=(resource(), resource("elsewhere")))},
        GateAnswer.REFUSE,
        Reason.TARGET_UNKNOWN,
        "service:elsewhere is not in the inventory",
    ),
    "the plan touches nothing and aims at something unknown": (
        GateName.ALLOW_LIST,
        {"plan": plan(target=resource("elsewhere"), touches=())},
        GateAnswer.REFUSE,
        Reason.TARGET_UNKNOWN,
        "service:elsewhere is not in the inventory",
    ),
    "the evidence is a microsecond too old": (
        GateName.EVIDENCE_FRESH,
        {"conditions": (condition(age=seconds(30) + MICROSECOND),)},
        GateAnswer.WAIT,
        Reason.EVIDENCE_STALE,
        "no evidence newer than 30 s: the newest is 30 s old",
    ),
    "there is no evidence": (
        GateName.EVIDENCE_FRESH,
        {"conditions": ()},
        GateAnswer.WAIT,
        Reason.EVIDENCE_STALE,
        "there is none since the start",
    ),
    "there is evidence of another series only": (
        GateName.EVIDENCE_FRESH,
        {"conditions": (condition(metric="http.probe.duration"),)},
        GateAnswer.WAIT,
        Reason.EVIDENCE_STALE,
        "there is none since the start",
    ),
    "it is not firing any more": (
        GateName.HOLD,
        {"conditions": (condition(status=NORMAL),)},
        GateAnswer.WAIT,
        Reason.NOT_FIRING,
        "no series at fault is abnormal now",
    ),
    "nobody can tell whether it is firing": (
        GateName.HOLD,
        {"conditions": (condition(status=UNKNOWN),)},
        GateAnswer.WAIT,
        Reason.NOT_FIRING,
        "no series at fault",
    ),
    "what says that it is firing is out of date, and a fresh one says that it is not": (
        GateName.HOLD,
        {
            "incident": incident(series=(SERIES, "service:checkout/service.running")),
            "conditions": (condition(age=seconds(3600)), condition(metric="service.running", status=NORMAL)),
        },
        GateAnswer.WAIT,
        Reason.NOT_FIRING,
        "no series at fault",
    ),
    "the rule's hold has a microsecond to go": (
        GateName.HOLD,
        {"rule": rule(hold=seconds(30)), "incident": incident(opened_at=NOW - seconds(30) + MICROSECOND)},
        GateAnswer.WAIT,
        Reason.HOLDING,
        "the rule waits 30 s",
    ),
    "the rule matched later than the incident began": (
        GateName.HOLD,
        {
            "rule": rule(hold=seconds(30)),
            "incident": incident(
                opened_at=NOW - HOUR, rule="restart-dead-service", rule_since=NOW - seconds(30) + MICROSECOND
            ),
        },
        GateAnswer.WAIT,
        Reason.HOLDING,
        "the rule waits 30 s",
    ),
    "the alert was resolved and fires again": (
        GateName.HOLD,
        {"rule": rule(hold=seconds(20)), "incident": incident(opened_at=NOW - HOUR), "conditions": (REFIRED,)},
        GateAnswer.WAIT,
        Reason.HOLDING,
        "the rule waits 20 s",
    ),
    "what is measured was normal and is abnormal again": (
        GateName.HOLD,
        {
            "rule": rule(hold=seconds(20)),
            "incident": incident(opened_at=NOW - HOUR),
            "conditions": (condition(age=seconds(0)),),
            "been_normal": frozenset({SERIES}),
        },
        GateAnswer.WAIT,
        Reason.HOLDING,
        "the rule waits 20 s",
    ),
    "the trouble came again before the restart": (
        GateName.HOLD,
        {
            "rule": rule(hold=seconds(20)),
            "incident": incident(opened_at=NOW - HOUR, onsets=(NOW - HOUR, NOW - seconds(19))),
        },
        GateAnswer.WAIT,
        Reason.HOLDING,
        "the rule waits 20 s",
    ),
    "the cooldown has a microsecond to go": (
        GateName.COOLDOWN,
        {"usage": usage(last_on_target=NOW - seconds(300) + MICROSECOND)},
        GateAnswer.WAIT,
        Reason.COOLING_DOWN,
        "the last action on service:checkout was at 11:55:00 UTC, the next may be at 12:00:00 UTC (cooldown 300 s)",
    ),
    "the rule's cooldown is longer than the general one": (
        GateName.COOLDOWN,
        {"usage": usage(last_on_target=NOW - seconds(599)), "rule": rule(cooldown=seconds(600))},
        GateAnswer.WAIT,
        Reason.COOLING_DOWN,
        "(cooldown 600 s)",
    ),
    "a shorter cooldown of the rule does not shorten the general one": (
        GateName.COOLDOWN,
        {"usage": usage(last_on_target=NOW - seconds(299)), "rule": rule(cooldown=seconds(1))},
        GateAnswer.WAIT,
        Reason.COOLING_DOWN,
        "(cooldown 300 s)",
    ),
    "the clock stepped back behind the last action": (
        GateName.COOLDOWN,
        {"usage": usage(last_on_target=NOW + seconds(60))},
        GateAnswer.WAIT,
        Reason.COOLING_DOWN,
        "the next may be at 12:06:00 UTC",
    ),
    "the hour is spent": (
        GateName.RATE,
        {"usage": usage(in_last_hour=10, in_last_day=10), "hour_free_at": NOW + seconds(3000)},
        GateAnswer.REFUSE,
        Reason.RATE_HOUR_SPENT,
        "10 of 10 actions in the last hour; the next is free at 12:50:00 UTC",
    ),
    "no action an hour is allowed at all": (
        GateName.RATE,
        {"settings": settings(max_actions_per_hour=0)},
        GateAnswer.REFUSE,
        Reason.RATE_HOUR_SPENT,
        "0 of 0 actions in the last hour; none is ever allowed (decision.max_actions_per_hour is 0)",
    ),
    "no action a day is allowed at all, and the hour is spent": (
        GateName.RATE,
        {
            "settings": settings(max_actions_per_hour=2, max_actions_per_day=0),
            "usage": usage(in_last_hour=2, in_last_day=2),
            "hour_free_at": NOW + seconds(3000),
        },
        GateAnswer.REFUSE,
        Reason.RATE_HOUR_SPENT,
        "2 of 2 actions in the last hour and 2 of 0 actions in the last day; "
        "none is ever allowed (decision.max_actions_per_day is 0)",
    ),
    "the hour and the day are spent": (
        GateName.RATE,
        {
            "usage": usage(in_last_hour=10, in_last_day=50),
            "hour_free_at": NOW + seconds(3000),
            "day_free_at": NOW + seconds(7200),
        },
        GateAnswer.REFUSE,
        Reason.RATE_HOUR_SPENT,
        "10 of 10 actions in the last hour and 50 of 50 actions in the last day; the next is free at 14:00:00 UTC",
    ),
    "the day is spent": (
        GateName.RATE,
        {"usage": usage(in_last_hour=1, in_last_day=50), "day_free_at": NOW + DAY - seconds(3600)},
        GateAnswer.REFUSE,
        Reason.RATE_DAY_SPENT,
        "50 of 50 actions in the last day; the next is free at 2026-03-02 11:00:00 UTC",
    ),
    "another run works on the target": (
        GateName.LOCK,
        {"usage": usage(locked_by=RunId("run-7"), targets_in_flight=("service:checkout",))},
        GateAnswer.WAIT,
        Reason.TARGET_LOCKED,
        "service:checkout is being worked on by run run-7",
    ),
    "another run works on something else that it touches": (
        GateName.LOCK,
        {"plan": plan(touches=(resource(), resource("db"))), "usage": usage(targets_in_flight=("service:db",))},
        GateAnswer.WAIT,
        Reason.TARGET_LOCKED,
        "service:db is being worked on by another run",
    ),
    "too many at once": (
        GateName.BLAST_RADIUS,
        {
            "inventory": group_of("checkout", "b", "c", "d", "e"),
            "plan": plan(touches=(resource(), resource("b"))),
        },
        GateAnswer.REFUSE,
        Reason.BLAST_RADIUS_COUNT,
        '2 of 5 members of "shop" would be touched at the same time, allowed are 1 (max_targets)',
    ),
    "too many at once, counting running work": (
        GateName.BLAST_RADIUS,
        {"inventory": group_of("checkout", "b", "c", "d", "e"), "usage": usage(targets_in_flight=("service:b",))},
        GateAnswer.REFUSE,
        Reason.BLAST_RADIUS_COUNT,
        "2 of 5 members",
    ),
    "too large a share": (
        GateName.BLAST_RADIUS,
        {
            "inventory": group_of("checkout", "b", "c"),
            "settings": settings(max_targets=3),
            "usage": usage(targets_in_flight=("service:c",)),
        },
        GateAnswer.REFUSE,
        Reason.BLAST_RADIUS_SHARE,
        '2 of 3 members of "shop" would be touched at the same time, allowed is a share of 50%',
    ),
    "the engine only observes": (
        GateName.AUTONOMY,
        {"settings": settings(mode=Mode.OBSERVE)},
        GateAnswer.OBSERVE,
        Reason.OBSERVE_ONLY,
        "decision.mode is observe, the rule's mode is act",
    ),
    "the rule only observes": (
        GateName.AUTONOMY,
        {"rule": rule(mode=Mode.OBSERVE)},
        GateAnswer.OBSERVE,
        Reason.OBSERVE_ONLY,
        "decision.mode is act, the rule's mode is observe",
    ),
    "the engine asks": (
        GateName.APPROVAL,
        {"settings": settings(mode=Mode.ASK)},
        GateAnswer.ASK,
        Reason.APPROVAL_NEEDED,
        "decision.mode is ask and the rule's mode is act",
    ),
    "the rule asks": (
        GateName.APPROVAL,
        {"rule": rule(mode=Mode.ASK)},
        GateAnswer.ASK,
        Reason.APPROVAL_NEEDED,
        "decision.mode is act and the rule's mode is ask",
    ),
    "every action is asked for": (
        GateName.APPROVAL,
        {"settings": settings(require_approval=True)},
        GateAnswer.ASK,
        Reason.APPROVAL_NEEDED,
        "require_approval",
    ),
    "a critical incident": (
        GateName.APPROVAL,
        {"incident": incident(severity=Severity.CRITICAL)},
        GateAnswer.ASK,
        Reason.APPROVAL_NEEDED,
        "the incident is critical",
    ),
    "something critical that is about to join it": (
        GateName.APPROVAL,
        {"conditions": (condition(), condition(metric="service.running", status=PENDING, severity=Severity.CRITICAL))},
        GateAnswer.ASK,
        Reason.APPROVAL_NEEDED,
        "what is wrong with service:checkout is critical",
    ),
    "an irreversible effect, whatever is configured": (
        GateName.APPROVAL,
        {"plan": plan(effect=EffectClass.IRREVERSIBLE), "settings": settings(ask_when_critical=False)},
        GateAnswer.ASK,
        Reason.APPROVAL_NEEDED,
        "restart-service cannot be undone",
    ),
    "an action that always asks though it can be undone": (
        GateName.APPROVAL,
        {
            "plan": plan(effect=EffectClass.REVERSIBLE, always_asks="it cuts people off"),
            "settings": settings(ask_when_critical=False),
        },
        GateAnswer.ASK,
        Reason.APPROVAL_NEEDED,
        "restart-service asks, always: it cuts people off",
    ),
}


@pytest.mark.parametrize("case", SHUT.values(), ids=SHUT)
def test_a_shut_gate_says_why_with_its_numbers(case: Case) -> None:
    name, changes, answer, reason, words = case

    verdict = ask(name, facts(**changes))

    assert (verdict.answer, verdict.reason) == (answer, reason)
    assert words in verdict.statement


@pytest.mark.parametrize("case", SHUT.values(), ids=SHUT)
def test_a_gate_names_a_time_exactly_when_it_waits(case: Case) -> None:
    name, changes, answer, _, _ = case

    verdict = ask(name, facts(**changes))

    assert (verdict.retry_at is not None) == (answer is GateAnswer.WAIT)
    assert verdict.retry_at is None or verdict.retry_at > NOW


OPEN: dict[str, tuple[GateName, Mapping[str, Any]]] = {
    "a silence that ends now": (GateName.MAINTENANCE, {"silences": (silence(ends_at=NOW),)}),
    "a silence that begins a microsecond later": (
        GateName.MAINTENANCE,
        {"silences": (silence(starts_at=NOW + MICROSECOND),)},
    ),
    "a silence that somebody ended": (GateName.MAINTENANCE, {"silences": (silence(ended_at=NOW),)}),
    "a silence of something else": (GateName.MAINTENANCE, {"silences": (silence("service:pay*"),)}),
    "evidence exactly as old as allowed": (GateName.EVIDENCE_FRESH, {"conditions": (condition(age=seconds(30)),)}),
    "an old alert that is still firing": (
        GateName.EVIDENCE_FRESH,
        {"conditions": (condition(age=DAY, sticky=True),)},
    ),
    "one fresh observation among old ones": (
        GateName.EVIDENCE_FRESH,
        {
            "incident": incident(series=(SERIES, "service:checkout/service.running")),
            "conditions": (condition(), condition(metric="service.running", age=HOUR)),
        },
    ),
    "on its way back to abnormal": (GateName.HOLD, {"conditions": (condition(status=PENDING),)}),
    "the hold is over to the microsecond": (
        GateName.HOLD,
        {"rule": rule(hold=seconds(30)), "incident": incident(opened_at=NOW - seconds(30))},
    ),
    "the hold is over since the rule matched": (
        GateName.HOLD,
        {
            "rule": rule(hold=seconds(30)),
            "incident": incident(opened_at=NOW - HOUR, rule="restart-dead-service", rule_since=NOW - seconds(30)),
        },
    ),
    "another series fired all the time while one came again": (
        GateName.HOLD,
        {
            "rule": rule(hold=seconds(20)),
            "incident": incident(opened_at=NOW - seconds(25), series=(SERIES, "service:checkout/service.running")),
            "conditions": (
                REFIRED,
                msgspec.structs.replace(condition(metric="service.running"), since=NOW - seconds(20)),
            ),
            "been_normal": frozenset({"service:checkout/service.running"}),
        },
    ),
    "measured anew after a restart in the middle of the hold": (
        GateName.HOLD,
        {"rule": rule(hold=seconds(20)), "incident": incident(opened_at=NOW - seconds(20))},
    ),
    "by the clock of its sender the alert is still to begin": (
        GateName.HOLD,
        {
            "rule": rule(hold=seconds(20)),
            "incident": incident(opened_at=NOW - seconds(20)),
            "conditions": (msgspec.structs.replace(REFIRED, since=NOW + seconds(3)),),
        },
    ),
    "the cooldown is over to the microsecond": (
        GateName.COOLDOWN,
        {"usage": usage(last_on_target=NOW - seconds(300))},
    ),
    "one action of the hour is left": (GateName.RATE, {"usage": usage(in_last_hour=9, in_last_day=49)}),
    "a lock on something that it does not touch": (GateName.LOCK, {"usage": usage(targets_in_flight=("service:db",))}),
    "work in another group": (GateName.BLAST_RADIUS, {"usage": usage(targets_in_flight=("service:db",))}),
    "a group of one is judged by the count alone": (
        GateName.BLAST_RADIUS,
        {"settings": settings(max_share_of_group=0.1)},
    ),
    "exactly the allowed share": (GateName.BLAST_RADIUS, {"inventory": group_of("checkout", "b")}),
    "a critical incident where that is switched off": (
        GateName.APPROVAL,
        {"incident": incident(severity=Severity.CRITICAL), "settings": settings(ask_when_critical=False)},
    ),
    "something critical that is well again": (
        GateName.APPROVAL,
        {"conditions": (condition(), condition(metric="service.running", status=NORMAL, severity=Severity.CRITICAL))},
    ),
    "something critical that nobody has measured lately": (
        GateName.APPROVAL,
        {"conditions": (condition(), condition(metric="service.running", age=HOUR, severity=Severity.CRITICAL))},
    ),
    "a reversible effect": (GateName.APPROVAL, {"plan": plan(effect=EffectClass.REVERSIBLE)}),
}


@pytest.mark.parametrize("case", OPEN.values(), ids=OPEN)
def test_a_gate_stays_open_up_to_its_edge(case: tuple[GateName, Mapping[str, Any]]) -> None:
    name, changes = case

    assert ask(name, facts(**changes)).answer is GateAnswer.PASS


def test_a_waiting_gate_names_the_moment_at_which_it_opens() -> None:
    last = NOW - seconds(60)
    cooling = ask(GateName.COOLDOWN, facts(usage=usage(last_on_target=last)))
    holding = ask(GateName.HOLD, facts(rule=rule(hold=seconds(60))))

    assert cooling.retry_at == last + seconds(300)
    assert holding.retry_at == incident().opened_at + seconds(60)
    for verdict in (cooling, holding):
        assert verdict.retry_at is not None
    assert ask(GateName.COOLDOWN, facts(now=cooling.retry_at, usage=usage(last_on_target=last))).answer is (
        GateAnswer.PASS
    )


def test_the_statement_of_an_open_rate_gate_counts_both_windows() -> None:
    verdict = ask(GateName.RATE, facts(usage=usage(in_last_hour=3, in_last_day=7)))

    assert verdict.statement == "3 of 10 actions in the last hour, 7 of 50 in the last day"


def test_of_several_silences_the_one_that_ends_last_decides() -> None:
    verdict = ask(GateName.MAINTENANCE, facts(silences=(silence(), silence(ends_at=NOW + HOUR), silence())))

    assert verdict.retry_at == NOW + HOUR


# --- a run that a person asked for ------------------------------------------------------------------------------------

REQUEST = RunRequest(runbook="restart-service", by="person:ada", reason="it feels slow")
ASKED_FOR: dict[str, Any] = {"incident": incident(request=REQUEST, series=()), "conditions": ()}


@pytest.mark.parametrize("name", [GateName.EVIDENCE_FRESH, GateName.HOLD, GateName.AUTONOMY])
def test_the_persons_word_is_the_evidence(name: GateName) -> None:
    verdict = ask(name, facts(**ASKED_FOR, settings=settings(mode=Mode.OBSERVE)))

    assert verdict.answer is GateAnswer.PASS
    assert "person:ada asked for it" in verdict.statement


@pytest.mark.parametrize(
    "changes",
    [
        {"plan": plan(effect=EffectClass.IRREVERSIBLE)},
        {"plan": plan(effect=EffectClass.REVERSIBLE, always_asks="it cuts people off")},
        {"settings": settings(require_approval=True)},
    ],
    ids=["irreversible", "always asks", "every action is asked for"],
)
def test_a_person_who_asks_for_a_run_does_not_replace_an_approval(changes: Mapping[str, Any]) -> None:
    assert ask(GateName.APPROVAL, facts(**ASKED_FOR, **changes)).answer is GateAnswer.ASK


@pytest.mark.parametrize(
    ("name", "changes"),
    [(case[0], case[1]) for case in SHUT.values() if case[0] in STILL_STANDING],
    ids=[words for words, case in SHUT.items() if case[0] in STILL_STANDING],
)
def test_every_other_gate_stands_for_a_person_too(name: GateName, changes: Mapping[str, Any]) -> None:
    assert ask(name, facts(**{**ASKED_FOR, **changes})).answer in {GateAnswer.REFUSE, GateAnswer.WAIT}


# --- the last healthy member ------------------------------------------------------------------------------------------

Member = tuple[Condition, ...]
WELL: Member = (condition(status=NORMAL),)
SICK: Member = (condition(),)
HALF: Member = (condition(status=NORMAL), condition(metric="service.running"))
UNHEARD: Member = ()
LONG_AGO: Member = (condition(status=NORMAL, age=HOUR),)
RESOLVED: Member = (condition(status=NORMAL, age=HOUR, sticky=True),)

MEMBERS: dict[str, tuple[dict[str, Member], tuple[str, ...], tuple[str, ...], bool]] = {
    # members of the group, what the plan touches, what runs already, whether it is refused
    "a healthy group of one": ({"checkout": WELL}, ("checkout",), (), True),
    "a sick group of one": ({"checkout": SICK}, ("checkout",), (), False),
    "a group of one that nobody has heard of": ({"checkout": UNHEARD}, ("checkout",), (), False),
    "the only healthy one of two": ({"checkout": WELL, "b": SICK}, ("checkout",), (), True),
    "the sick one of two": ({"checkout": SICK, "b": WELL}, ("checkout",), (), False),
    "one of two healthy ones": ({"checkout": WELL, "b": WELL}, ("checkout",), (), False),
    "the other one is only half well": ({"checkout": WELL, "b": HALF}, ("checkout",), (), True),
    "nobody has heard of the other one": ({"checkout": WELL, "b": UNHEARD}, ("checkout",), (), True),
    "the other one was well an hour ago": ({"checkout": WELL, "b": LONG_AGO}, ("checkout",), (), True),
    "the other one's alert is resolved": ({"checkout": WELL, "b": RESOLVED}, ("checkout",), (), False),
    "all are sick": ({"checkout": SICK, "b": SICK}, ("checkout",), (), False),
    "a sick one together with the last healthy one": ({"checkout": SICK, "b": WELL}, ("checkout", "b"), (), True),
    "both healthy ones together": ({"checkout": WELL, "b": WELL}, ("checkout", "b"), (), True),
    "the other healthy one is being worked on": ({"checkout": WELL, "b": WELL}, ("checkout",), ("b",), True),
    "a sick one while the healthy one is being worked on": (
        {"checkout": SICK, "b": WELL},
        ("checkout",),
        ("b",),
        False,
    ),
    "a third one stays": ({"checkout": WELL, "b": WELL, "c": WELL}, ("checkout",), ("b",), False),
}


@pytest.mark.parametrize("case", MEMBERS.values(), ids=MEMBERS)
def test_the_last_healthy_member_of_a_group_is_never_touched(
    case: tuple[dict[str, Member], tuple[str, ...], tuple[str, ...], bool],
) -> None:
    members, touched, in_flight, is_refused = case

    verdict = ask(
        GateName.PROTECTED_TARGETS,
        facts(
            inventory=group_of(*members),
            group_conditions=members,
            plan=plan(touches=tuple(map(resource, touched))),
            usage=usage(targets_in_flight=tuple(f"service:{name}" for name in in_flight)),
        ),
    )

    assert verdict.answer is (GateAnswer.REFUSE if is_refused else GateAnswer.PASS)
    assert (verdict.reason is Reason.LAST_HEALTHY_MEMBER) == is_refused


# --- approval ---------------------------------------------------------------------------------------------------------

ANSWERS: dict[str, tuple[Mapping[str, Any], GateAnswer, Reason, str]] = {
    "pending": ({"state": ApprovalState.PENDING}, GateAnswer.ASK, Reason.APPROVAL_NEEDED, "decision.mode is ask"),
    "withdrawn": ({"state": ApprovalState.WITHDRAWN}, GateAnswer.ASK, Reason.APPROVAL_NEEDED, "decision.mode is ask"),
    "approved": ({"state": ApprovalState.APPROVED}, GateAnswer.PASS, Reason.APPROVED, "approved by person:ada"),
    "approved, a microsecond before its end": (
        {"state": ApprovalState.APPROVED, "expires_at": NOW + MICROSECOND},
        GateAnswer.PASS,
        Reason.APPROVED,
        "approved by person:ada",
    ),
    "approved, but not used in time": (
        {"state": ApprovalState.APPROVED, "expires_at": NOW},
        GateAnswer.REFUSE,
        Reason.APPROVAL_EXPIRED,
        "the approval was not used before 12:00:00 UTC",
    ),
    "approved for another plan": (
        {"state": ApprovalState.APPROVED, "plan_hash": plan(arguments={"unit": "other"}).hash},
        GateAnswer.ASK,
        Reason.PLAN_CHANGED,
        "the plan is not the one that was asked about",
    ),
    "denied": (
        {"state": ApprovalState.DENIED, "note": "not now"},
        GateAnswer.REFUSE,
        Reason.DENIED,
        "person:ada denied it: not now",
    ),
    "denied long ago": (
        {"state": ApprovalState.DENIED, "expires_at": NOW - seconds(60)},
        GateAnswer.REFUSE,
        Reason.DENIED,
        "person:ada denied it",
    ),
    "expired": (
        {"state": ApprovalState.EXPIRED},
        GateAnswer.REFUSE,
        Reason.APPROVAL_EXPIRED,
        "nobody approved it before 12:01:00 UTC",
    ),
    "pending beyond its end": (
        {"state": ApprovalState.PENDING, "expires_at": NOW},
        GateAnswer.REFUSE,
        Reason.APPROVAL_EXPIRED,
        "nobody approved it before 12:00:00 UTC",
    ),
}


@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS)
def test_an_approval_holds_for_its_plan_and_until_its_end(
    case: tuple[Mapping[str, Any], GateAnswer, Reason, str],
) -> None:
    changes, answer, reason, words = case

    verdict = ask(GateName.APPROVAL, facts(settings=settings(mode=Mode.ASK), approval=approval(**changes)))

    assert (verdict.answer, verdict.reason) == (answer, reason)
    assert words in verdict.statement


@pytest.mark.parametrize("state", [one for one in ApprovalState if one is not ApprovalState.DENIED])
def test_where_nobody_has_to_be_asked_an_old_answer_does_not_matter(state: ApprovalState) -> None:
    verdict = ask(GateName.APPROVAL, facts(approval=approval(state)))

    assert (verdict.answer, verdict.reason) == (GateAnswer.PASS, Reason.OK)


@pytest.mark.parametrize("asked_about", [plan(), plan(arguments={"unit": "other"})], ids=["this plan", "another plan"])
def test_a_no_holds_where_nobody_has_to_be_asked_and_for_any_plan(asked_about: Plan) -> None:
    verdict = ask(GateName.APPROVAL, facts(approval=approval(ApprovalState.DENIED, plan_hash=asked_about.hash)))

    assert (verdict.answer, verdict.reason) == (GateAnswer.REFUSE, Reason.DENIED)


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"summary": "said differently"}, True),
        ({"before": {"state": "EXITED"}}, True),
        ({"timeout_s": 1.0}, True),
        ({"touches": (resource("db"), resource())}, False),
        ({"target": resource("db")}, False),
        ({"action": "kill"}, False),
        ({"effect": EffectClass.IRREVERSIBLE}, False),
        ({"arguments": {"force": "yes"}}, False),
    ],
)
def test_an_approval_is_bound_to_what_will_be_done_and_not_to_its_wording(
    changes: Mapping[str, Any], is_same: bool
) -> None:
    given = facts(settings=settings(mode=Mode.ASK), approval=approval(ApprovalState.APPROVED), plan=plan(**changes))

    assert (ask(GateName.APPROVAL, given).reason is Reason.APPROVED) == is_same


# what is only foreseen

FORESEEN = "service:checkout/forecast:disk.utilization"


def _disk(*, foreseen: ConditionStatus, measured: ConditionStatus, measured_since: float = 1.0) -> Facts:
    there = condition(metric="disk.utilization", status=measured)
    return facts(
        incident=incident(series=(FORESEEN, there.series), opened_at=NOW - seconds(3600)),
        conditions=(
            condition(metric="forecast:disk.utilization", status=foreseen),
            msgspec.structs.replace(there, since=NOW - seconds(measured_since)),
        ),
        rule=rule(hold=seconds(5)),
    )


def test_what_only_a_forecast_says_is_asked_about_even_where_the_rule_may_act() -> None:
    verdict = ask(GateName.APPROVAL, _disk(foreseen=ConditionStatus.ABNORMAL, measured=ConditionStatus.NORMAL))

    assert (verdict.answer, verdict.reason) == (GateAnswer.ASK, Reason.APPROVAL_NEEDED)
    assert verdict.statement.startswith("only a forecast says so")


@pytest.mark.parametrize("foreseen", [ConditionStatus.ABNORMAL, ConditionStatus.NORMAL])
def test_what_is_measured_as_well_needs_no_approval_for_having_been_foreseen(foreseen: ConditionStatus) -> None:
    verdict = ask(GateName.APPROVAL, _disk(foreseen=foreseen, measured=ConditionStatus.ABNORMAL))

    assert verdict.answer is GateAnswer.PASS


@pytest.mark.parametrize(("since", "answer"), [(4.0, GateAnswer.WAIT), (5.0, GateAnswer.PASS)])
def test_a_forecast_does_not_use_up_the_hold_of_what_is_measured(since: float, answer: GateAnswer) -> None:
    given = _disk(foreseen=ConditionStatus.ABNORMAL, measured=ConditionStatus.ABNORMAL, measured_since=since)

    assert ask(GateName.HOLD, given).answer is answer

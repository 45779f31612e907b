"""The one conclusion: who beats whom, that every gate is answered, and that acting needs them all."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.decision.builders import (
    NOW,
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

from recoverops.decision import GATES, DecisionSettings, Facts, Rule, decide
from recoverops.decision.gates import consent
from recoverops.model import (
    ApprovalState,
    Condition,
    ConditionStatus,
    DecisionMode,
    EffectClass,
    GateAnswer,
    GateName,
    Mode,
    Reason,
    RunId,
    RunRequest,
    Severity,
    StopState,
)
from recoverops.ports import Usage

# What makes the decision take each mode, from the strongest to the weakest.
CAUSES: dict[DecisionMode, dict[str, Any]] = {
    DecisionMode.REFUSE: {"stop": StopState(stopped=True)},
    DecisionMode.WAIT: {"usage": usage(last_on_target=NOW - seconds(1))},
    DecisionMode.OBSERVE: {"settings": settings(mode=Mode.OBSERVE)},
    DecisionMode.ASK: {"incident": incident(severity=Severity.CRITICAL)},
    DecisionMode.ACT: {},
}


@pytest.mark.parametrize("mode", CAUSES)
def test_each_cause_alone_gives_its_mode(mode: DecisionMode) -> None:
    assert decide(facts(**CAUSES[mode])).mode is mode


@pytest.mark.parametrize(("stronger", "weaker"), list(combinations(CAUSES, 2)))
def test_refuse_beats_wait_beats_observe_beats_ask_beats_act(stronger: DecisionMode, weaker: DecisionMode) -> None:
    assert decide(facts(**CAUSES[weaker] | CAUSES[stronger])).mode is stronger


def test_every_gate_is_answered_even_when_the_first_one_refuses() -> None:
    concluded = decide(facts(stop=StopState(stopped=True)))

    assert [verdict.gate for verdict in concluded.gates] == list(GateName)
    assert [verdict.answer for verdict in concluded.gates[1:]] == [GateAnswer.PASS] * (len(GateName) - 1)


def test_of_two_refusals_the_earlier_gate_gives_the_reason() -> None:
    concluded = decide(facts(settings=settings(allow=(), max_actions_per_hour=0)))

    assert concluded.reason is Reason.NOT_ON_ALLOW_LIST
    assert "decision.allow" in concluded.statement


def test_of_two_gates_that_wait_the_one_that_opens_last_gives_reason_and_time() -> None:
    cooling = usage(last_on_target=NOW - seconds(1))
    concluded = decide(facts(rule=rule(hold=seconds(20)), usage=cooling))

    assert concluded.reason is Reason.COOLING_DOWN
    assert concluded.retry_at == NOW + seconds(299)


def test_acting_with_an_approval_names_it_as_the_reason() -> None:
    concluded = decide(facts(settings=settings(mode=Mode.ASK), approval=approval(ApprovalState.APPROVED)))

    assert (concluded.mode, concluded.reason) == (DecisionMode.ACT, Reason.APPROVED)


def test_out_of_the_box_everything_is_asked_for() -> None:
    out_of_the_box = Rule(name="restart", when="true", runbook="restart-service")

    concluded = decide(facts(settings=DecisionSettings(), rule=out_of_the_box))

    assert (concluded.mode, concluded.reason) == (DecisionMode.ASK, Reason.APPROVAL_NEEDED)


def test_the_defaults_are_the_cautious_ones() -> None:
    shipped = DecisionSettings()

    assert (shipped.mode, shipped.ask_when_critical, shipped.max_targets) == (Mode.ASK, True, 1)
    assert (shipped.max_actions_per_hour, shipped.cooldown) == (10, timedelta(minutes=5))


@pytest.mark.parametrize("name", ["recoverops", "recoverops-db", "prometheus", "alertmanager-0", "eu-bastion-1"])
def test_by_default_our_own_parts_are_never_acted_on(name: str) -> None:
    concluded = decide(
        facts(
            inventory=group_of(name, "checkout"),
            plan=plan(target=resource(name), touches=(resource(name),)),
            settings=DecisionSettings(mode=Mode.ACT),
        )
    )

    assert (concluded.mode, concluded.reason) == (DecisionMode.REFUSE, Reason.TARGET_PROTECTED)


# --- laws -------------------------------------------------------------------------------------------------------------

NAMES = ("checkout", "payment", "search", "elsewhere")
ages = st.sampled_from([timedelta(0), seconds(29), seconds(31), seconds(3600)])
times = st.none() | st.timedeltas(min_value=timedelta(days=-2), max_value=timedelta(hours=1)).map(lambda by: NOW + by)
resources = st.sampled_from(NAMES).map(resource)


def conditions_of(name: str) -> st.SearchStrategy[tuple[Condition, ...]]:
    one = st.builds(
        condition,
        st.just(name),
        status=st.sampled_from(ConditionStatus),
        age=ages,
        metric=st.sampled_from(["http.probe.success", "service.running"]),
        sticky=st.booleans(),
    )
    return st.lists(one, max_size=3).map(tuple)


usages = st.builds(
    Usage,
    last_on_target=times,
    in_last_hour=st.integers(0, 12),
    in_last_day=st.integers(0, 60),
    locked_by=st.none() | st.just(RunId("run-7")),
    targets_in_flight=st.lists(resources.map(str), max_size=2, unique=True).map(tuple),
)
durations = st.sampled_from([timedelta(0), seconds(5), seconds(600)])


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    planned = plan(
        effect=draw(st.sampled_from(EffectClass)),
        target=draw(resources),
        touches=draw(st.lists(resources, max_size=3).map(tuple)),
    )
    asked_about = draw(st.sampled_from([planned, plan(action="another")]))
    given_approval = st.builds(
        approval,
        st.sampled_from(ApprovalState),
        plan_hash=st.just(asked_about.hash),
        expires_at=st.sampled_from([NOW - seconds(1), NOW, NOW + seconds(1)]),
    )
    return facts(
        settings=settings(
            mode=draw(st.sampled_from(Mode)),
            require_approval=draw(st.booleans()),
            ask_when_critical=draw(st.booleans()),
            protected=draw(st.sampled_from([(), ("service:pay*",)])),
            allow=draw(st.sampled_from([("service:*",), ("service:checkout",), ()])),
            max_targets=draw(st.integers(1, 3)),
            max_share_of_group=draw(st.sampled_from([0.3, 0.5, 1.0])),
        ),
        rule=rule(mode=draw(st.sampled_from(Mode)), hold=draw(durations), cooldown=draw(st.none() | durations)),
        plan=planned,
        incident=incident(
            severity=draw(st.sampled_from(Severity)),
            request=draw(st.none() | st.just(RunRequest(runbook="restart-service", by="person:ada", reason="r"))),
        ),
        inventory=draw(st.sampled_from([group_of("checkout"), group_of("checkout", "payment", "search")])),
        conditions=draw(conditions_of("checkout")),
        been_normal=draw(st.sampled_from([frozenset(), frozenset({"service:checkout/http.probe.success"})])),
        group_conditions={name: draw(conditions_of(name)) for name in NAMES},
        usage=draw(usages),
        hour_free_at=draw(times),
        day_free_at=draw(times),
        silences=draw(st.lists(st.sampled_from([silence(), silence("service:pay*")]), max_size=2).map(tuple)),
        stop=draw(st.sampled_from([None, StopState(stopped=True), StopState(stopped=False)])),
        approval=draw(st.none() | given_approval),
    )


@given(any_facts())
def test_whatever_the_facts_acting_means_that_every_gate_passes(known: Facts) -> None:
    concluded = decide(known)

    everything_passes = all(verdict.answer is GateAnswer.PASS for verdict in concluded.gates)
    assert (concluded.mode is DecisionMode.ACT) == everything_passes


@given(any_facts())
def test_whatever_the_facts_every_gate_is_answered_in_order_with_a_sentence(known: Facts) -> None:
    concluded = decide(known)

    assert [verdict.gate for verdict in concluded.gates] == [name for name, _ in GATES]
    assert all(verdict.statement and verdict.answer is not GateAnswer.NOT_ASKED for verdict in concluded.gates)


@given(any_facts())
def test_whatever_the_facts_nothing_acts_that_a_person_had_to_approve_and_did_not(known: Facts) -> None:
    if decide(known).mode is not DecisionMode.ACT:
        return
    needs_a_person = (
        known.plan.effect is EffectClass.IRREVERSIBLE
        or known.settings.require_approval
        or (known.incident.request is None and consent.effective_mode(known) is not Mode.ACT)
        or (
            known.incident.request is None
            and known.settings.ask_when_critical
            and known.incident.severity is Severity.CRITICAL
        )
    )
    given_yes = (
        known.approval is not None
        and known.approval.state is ApprovalState.APPROVED
        and known.approval.plan_hash == known.plan.hash
        and known.approval.expires_at > known.now
    )
    assert given_yes or not needs_a_person


@given(any_facts())
def test_whatever_the_facts_nothing_acts_on_what_is_not_in_the_inventory_or_is_protected(known: Facts) -> None:
    if decide(known).mode is not DecisionMode.ACT:
        return
    felt = {known.plan.target.name, *(one.name for one in known.plan.touches)}
    assert felt <= set(known.inventory.services)
    assert "payment" not in felt or not known.settings.protected


@given(any_facts())
def test_a_waiting_decision_says_until_when_and_no_other_does(known: Facts) -> None:
    concluded = decide(known)

    assert (concluded.retry_at is not None) == (concluded.mode is DecisionMode.WAIT)
    assert concluded.retry_at is None or concluded.retry_at > known.now


@given(any_facts(), st.sampled_from([Mode.OBSERVE, Mode.ASK]))
def test_a_more_careful_mode_never_makes_it_bolder(known: Facts, careful: Mode) -> None:
    boldness = [DecisionMode.REFUSE, DecisionMode.WAIT, DecisionMode.OBSERVE, DecisionMode.ASK, DecisionMode.ACT]
    lowered = known.settings.model_copy(update={"mode": min(careful, known.settings.mode, key=list(Mode).index)})

    before = decide(known).mode
    after = decide(Facts(**{name: getattr(known, name) for name in Facts.__slots__} | {"settings": lowered})).mode

    assert boldness.index(after) <= boldness.index(before)


@given(st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2026, 12, 31)))  # noqa: DTZ001
def test_the_same_facts_give_the_same_conclusion(at: datetime) -> None:
    known = facts(now=at.replace(tzinfo=NOW.tzinfo))

    assert decide(known) == decide(known)

"""The real response in virtual time: each way it can go, and a crash at every moment of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.acceptance.virtual_world import ACTING, ASKING, LONG_TICK, OBSERVING, RULE, RUNBOOK, Crashes, World

from recoverops.decision import DecisionSettings
from recoverops.model import (
    AlertStatus,
    ApprovalState,
    ConflictError,
    DecisionMode,
    Execution,
    ExecutionStatus,
    GateName,
    IncidentState,
    OutcomeStatus,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Reason,
    ResponseStage,
    RunState,
    Service,
    VerdictStatus,
    WaitKind,
)
from recoverops.pipeline.ending import MAX_FAILURES
from recoverops.pipeline.sweep import MOST_RESUMPTIONS
from recoverops.testing import LedgerAction
from recoverops.workflows import SimulatedCrash


def broken(world: World) -> World:
    """Seen healthy for two seconds, then down."""
    world.live(2)
    world.break_service()
    return world


# --- the ways a response can go ---------------------------------------------------------------------------------------


def test_a_service_that_goes_down_is_acted_on_once_and_verified(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        broken(world).live(60, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        assert world.incident.reason == "verified"
        (run,) = world.runs
        assert run.requested_by == "rule:write-when-down"
        assert run.verdict is not None
        assert run.verdict.status is VerdictStatus.RECOVERED


def test_nobody_is_called_while_it_is_not_there_and_what_comes_back_is_acted_on(tmp_path: Path) -> None:
    """As when a new start is seen as down for a moment, and only what follows shows what is wrong."""
    with World(directory=tmp_path) as world:
        broken(world).live(2.5, until=lambda: bool(world.incidents))
        world.is_up = True
        world.live(4)
        assert (world.incident.state, world.incident.reason) == (IncidentState.WAITING, Reason.NOT_FIRING)
        world.is_up = False
        world.live(60, until=world.is_(IncidentState.RESOLVED))
        assert world.healed_once() == []
        assert world.events("escalated") == 0


def test_the_rule_holds_before_it_acts(tmp_path: Path) -> None:
    rule = RULE.model_copy(update={"hold": timedelta(seconds=20)})
    with World(directory=tmp_path, rule=rule) as world:
        broken(world).live(10)
        wait = world.story.wait
        opened_at = world.incident.opened_at
        assert wait is not None
        assert (wait.kind, wait.due_at) == (WaitKind.HOLD, opened_at + timedelta(seconds=20))
        assert world.ledger == ()

        world.live(60, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        assert world.runs[0].started_at >= opened_at + timedelta(seconds=20)


def test_trouble_that_ends_during_the_hold_is_closed_without_an_action(tmp_path: Path) -> None:
    rule = RULE.model_copy(update={"hold": timedelta(seconds=20)})
    with World(directory=tmp_path, rule=rule) as world:
        broken(world).live(5)
        world.is_up = True

        world.live(120, until=world.is_(IncidentState.RESOLVED))

        assert (world.incident.state, world.incident.reason) == (IncidentState.RESOLVED, "recovered_by_itself")
        assert world.ledger == ()
        assert world.runs == ()


FOR_TWENTY_SECONDS = RULE.model_copy(update={"hold": timedelta(seconds=20)})


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("is_end_told", [True, False])
def test_the_hold_of_an_alert_that_fires_again_begins_anew(
    tmp_path: Path, is_end_told: bool, is_restarted: bool
) -> None:
    with World(directory=tmp_path, rule=FOR_TWENTY_SECONDS) as world:
        world.is_measured = False
        world.alert(AlertStatus.FIRING)
        world.live(8)
        if is_end_told:
            world.alert(AlertStatus.RESOLVED)
        world.live(7)
        world.alert(AlertStatus.FIRING)
        fires_again_at = world.clock.now()
        world.live(2)
        if is_restarted:
            world.boot()
        world.live(60, until=lambda: bool(world.ledger))

        (run,) = world.runs
        assert timedelta(seconds=20) <= run.started_at - fires_again_at <= timedelta(seconds=22)
        hold = next(one for one in world.decisions[-1].gates if one.gate is GateName.HOLD)
        assert f"is firing since {fires_again_at:%H:%M:%S} UTC" in hold.statement


@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_hold_of_what_is_measured_begins_anew_when_it_was_normal_in_between(
    tmp_path: Path, is_restarted: bool
) -> None:
    with World(directory=tmp_path, rule=FOR_TWENTY_SECONDS) as world:
        broken(world).live(8)
        world.is_up = True
        world.live(7)
        world.is_up = False
        falls_again_at = world.clock.now()
        world.live(4)
        if is_restarted:
            world.boot()
        world.live(60, until=lambda: bool(world.ledger))

        (run,) = world.runs
        assert timedelta(seconds=20) <= run.started_at - falls_again_at <= timedelta(seconds=24)


def test_a_restart_in_the_middle_of_a_hold_does_not_begin_it_anew(tmp_path: Path) -> None:
    with World(directory=tmp_path, rule=FOR_TWENTY_SECONDS) as world:
        broken(world).live(12)
        opened_at = world.incident.opened_at
        world.boot()
        world.live(60, until=lambda: bool(world.ledger))

        assert world.runs[0].started_at - opened_at <= timedelta(seconds=22)


def test_the_hold_goes_on_while_one_of_two_series_fires_all_the_time(tmp_path: Path) -> None:
    with World(directory=tmp_path, rule=FOR_TWENTY_SECONDS) as world:
        broken(world).live(3)
        opened_at = world.incident.opened_at
        world.alert(AlertStatus.FIRING)
        world.live(3)
        world.alert(AlertStatus.RESOLVED)
        world.live(3)
        world.alert(AlertStatus.FIRING)
        world.live(60, until=lambda: bool(world.ledger))

        assert world.runs[0].started_at - opened_at <= timedelta(seconds=22)


def test_a_question_parks_the_response_until_somebody_approves(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ASKING) as world:
        broken(world).live(30, until=world.is_asking)
        world.live(300)
        assert world.incident.state is IncidentState.WAITING
        assert len(world.pending()) == 1
        assert world.ledger == ()

        world.answer(approve=True)
        world.live(60, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        assert world.runs[0].requested_by == "person:ada"
        assert world.decisions[-1].reason is Reason.APPROVED


def test_a_denied_question_goes_to_a_person(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ASKING) as world:
        broken(world).live(30, until=world.is_asking)

        world.answer(approve=False)
        world.live(10)

        assert (world.incident.state, world.incident.reason) == (IncidentState.ESCALATED, Reason.DENIED)
        assert world.incident.response is ResponseStage.FINISHED
        assert world.ledger == ()
        assert world.usage.in_last_hour == 0


def test_a_question_that_nobody_answers_goes_to_a_person_when_it_expires(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ASKING) as world:
        broken(world).live(30, until=world.is_asking)
        (asked,) = world.pending()

        world.live(ASKING.approval_ttl.total_seconds() + 5, until=world.is_(IncidentState.ESCALATED), tick=LONG_TICK)

        assert world.incident.reason == Reason.APPROVAL_EXPIRED
        assert world.clock.now() >= asked.expires_at
        assert world.story.approval is not None
        assert world.story.approval.state is ApprovalState.EXPIRED
        assert world.ledger == ()


def test_an_answer_that_comes_after_the_end_of_the_question_is_a_conflict(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ASKING) as world:
        broken(world).live(30, until=world.is_asking)
        (asked,) = world.pending()
        world.clock.advance(asked.expires_at - world.clock.now())

        with pytest.raises(ConflictError, match="expired at"):
            world.answer(approve=True)


def test_what_joins_between_the_look_and_the_decision_is_looked_at_at_once(tmp_path: Path) -> None:
    patient = RULE.model_copy(update={"hold": timedelta(minutes=10)})
    with World(directory=tmp_path, rule=patient) as world:
        joined: list[str] = []

        def before(step: str) -> None:
            if step == "decide" and len(world.decisions) == 1 and not joined:
                joined.append(step)
                world.alert(AlertStatus.FIRING)

        world.before = before
        broken(world).live(20)

        assert joined
        assert len(world.incident.series) == 3
        assert len(world.decisions) >= 3, "the second was made without it, and was not kept for ten minutes"
        assert (world.decisions[2].at - world.decisions[1].at).total_seconds() <= 3


def test_a_question_is_withdrawn_when_the_trouble_ends_first(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ASKING) as world:
        broken(world).live(30, until=world.is_asking)
        world.is_up = True

        world.live(120, until=world.is_(IncidentState.RESOLVED))

        assert world.story.approval is not None
        assert world.story.approval.state is ApprovalState.WITHDRAWN
        assert world.story.wait is None


def test_a_refused_action_goes_to_a_person_and_reserves_nothing(tmp_path: Path) -> None:
    settings = ACTING.model_copy(update={"protected": ("service:check*",)})
    with World(directory=tmp_path, decision=settings) as world:
        broken(world).live(30, until=world.is_finished)

        assert (world.incident.state, world.incident.reason) == (IncidentState.ESCALATED, Reason.TARGET_PROTECTED)
        assert world.ledger == ()
        assert world.usage.in_last_hour == 0
        assert [verdict.gate for verdict in world.decisions[-1].gates] == list(GateName)


def test_observing_records_what_would_have_been_done_and_reserves_nothing(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=OBSERVING) as world:
        broken(world).live(30, until=world.is_finished)

        decided = world.decisions[-1]
        assert decided.mode is DecisionMode.OBSERVE
        assert decided.plan is not None
        assert world.incident.state is not IncidentState.ESCALATED
        assert world.ledger == ()
        assert world.usage.in_last_hour == 0


def test_a_stop_between_decision_and_effect_abandons_the_run_and_it_counts_in_no_limit(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:

        def stop(step: str) -> None:
            if step == "intent":
                world.stop.engage(reason="drill", by="ada")

        world.before = stop
        broken(world).live(30, until=world.is_(IncidentState.ESCALATED))

        assert world.ledger == ()
        assert [run.state for run in world.runs] == [RunState.ABANDONED]
        assert (world.usage.in_last_hour, world.usage.targets_in_flight) == (0, ())
        assert world.incident.reason == Reason.EMERGENCY_STOP
        assert world.story.runs[0].actions == ()


def test_trouble_that_ends_between_decision_and_effect_abandons_the_run(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:

        def recover(step: str) -> None:
            if step == "intent":
                world.is_up = True
                world.clock.advance(timedelta(seconds=1))

        world.before = recover
        broken(world).live(120, until=world.is_(IncidentState.RESOLVED))

        assert world.incident.reason == "recovered_by_itself"
        assert world.ledger == ()
        assert {run.state for run in world.runs} == {RunState.ABANDONED}
        assert world.usage.in_last_hour == 0


def test_an_action_that_could_not_start_in_time_is_not_started_but_decided_anew(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        late = iter([True])

        def outage(step: str) -> None:
            if step == "intent" and next(late, False):
                world.clock.advance(ACTING.act_within + timedelta(seconds=1))

        world.before = outage
        broken(world).live(300, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        assert [run.state for run in world.runs] == [RunState.ABANDONED, RunState.SUCCEEDED]


def test_when_nothing_is_heard_after_the_action_nobody_claims_recovery(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:

        def go_blind(step: str) -> None:
            if step == "intent":
                world.is_measured = False

        world.before = go_blind
        broken(world).live(60, until=world.is_(IncidentState.ESCALATED))

        assert len(world.ledger) == 1
        (run,) = world.runs
        assert run.state is RunState.UNKNOWN
        assert run.verdict is not None
        assert run.verdict.status is VerdictStatus.UNKNOWN
        assert "nothing was heard of" in run.verdict.statement
        assert world.usage.in_last_hour == 1
        assert world.usage.targets_in_flight == ()


def test_an_alert_that_ends_before_the_action_is_known_to_have_ended_is_recovery(tmp_path: Path) -> None:
    class Slow(LedgerAction):
        """As one that is asked for its result every few seconds."""

        def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
            done = super().execute(plan, service, idempotency_key=idempotency_key)
            world.clock.advance(timedelta(seconds=1))
            world.alert(AlertStatus.RESOLVED)
            world.clock.advance(timedelta(seconds=3))
            return done

    rule = RULE.model_copy(update={"when": 'kind == "service_down"'})
    with World(directory=tmp_path, rule=rule, action=Slow()) as world:
        world.is_measured = False
        world.alert(AlertStatus.FIRING)
        world.live(60, until=world.is_finished)

        assert world.healed_once() == []
        (run,) = world.runs
        assert run.acted_at is not None
        assert run.ended_at is not None
        assert run.ended_at - run.acted_at >= RUNBOOK.verify.hold


def test_an_action_that_does_not_help_goes_to_a_person_and_is_not_repeated(tmp_path: Path) -> None:
    with World(directory=tmp_path, heals=False) as world:
        broken(world).live(600)

        assert len(world.ledger) == 1
        assert (world.incident.state, world.incident.reason) == (IncidentState.ESCALATED, "verdict_no_effect")
        assert world.runs[0].state is RunState.FAILED


def test_an_escalated_incident_is_closed_when_a_person_has_repaired_it(tmp_path: Path) -> None:
    with World(directory=tmp_path, heals=False) as world:
        broken(world).live(60, until=world.is_(IncidentState.ESCALATED))
        world.is_up = True

        world.live(60, until=world.is_(IncidentState.RESOLVED))

        assert world.incident.state is IncidentState.RESOLVED


def test_a_second_crash_within_the_cooldown_waits_for_its_end(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        broken(world).live(60, until=world.is_(IncidentState.RESOLVED))
        acted_at = world.runs[0].started_at
        world.heals = False  # the first line has no effect any more

        world.live(60)
        assert len(world.incidents) == 2
        second = world.incidents[0]
        assert (second.state, second.reason) == (IncidentState.WAITING, Reason.COOLING_DOWN)
        assert len(world.ledger) == 1

        world.live(300, until=lambda: len(world.ledger) == 2)
        assert world.clock.now() >= acted_at + ACTING.cooldown


def test_a_response_that_waits_in_vain_gives_up_and_calls_a_person(tmp_path: Path) -> None:
    rule = RULE.model_copy(update={"when": 'metrics["queue.length"] > 10.0'})
    with World(directory=tmp_path, rule=rule) as world:
        broken(world).live(20)
        assert (world.incident.state, world.incident.reason) == (IncidentState.WAITING, Reason.RULE_UNKNOWN)

        world.live(ACTING.give_up_after.total_seconds() + 120, until=world.is_(IncidentState.ESCALATED), tick=LONG_TICK)

        assert world.incident.reason == Reason.GAVE_UP
        assert "queue.length" in world.decisions[-1].statement
        assert len(world.decisions) < 80, "looks become rarer with the incident's age"


def test_a_new_plan_asks_again_instead_of_using_the_old_yes(tmp_path: Path) -> None:
    class Changing(LedgerAction):
        note = "one"

        def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
            return super().plan(service, {**arguments, "note": self.note})

    action = Changing()
    with World(directory=tmp_path, decision=ASKING, action=action) as world:
        broken(world).live(30, until=world.is_asking)
        world.answer(approve=True)
        action.note = "two"

        world.live(30, until=world.is_asking)

        assert world.ledger == ()
        assert world.decisions[-1].reason is Reason.PLAN_CHANGED
        assert world.pending()[0].plan.arguments["note"] == "two"


def test_a_failing_action_goes_to_a_person_and_gives_its_locks_back(tmp_path: Path) -> None:
    class Failing(LedgerAction):
        def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
            return Execution(status=ExecutionStatus.FAILED, statement="refused: password=hunter2")

    with World(directory=tmp_path, action=Failing()) as world:
        broken(world).live(30, until=world.is_(IncidentState.ESCALATED))

        assert world.incident.reason == "action_failed"
        assert world.usage.targets_in_flight == ()
        (record,) = world.story.runs[0].actions
        assert record.outcome is not None
        assert record.outcome.status is OutcomeStatus.FAILED
        assert "hunter2" not in str(world.story)


def test_an_action_that_raises_is_probed_and_not_run_again_blindly(tmp_path: Path) -> None:
    class Raising(LedgerAction):
        calls = 0

        def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
            self.calls += 1
            super().execute(plan, service, idempotency_key=idempotency_key)
            raise KeyError("a defect of the plugin, after the effect")

    action = Raising()
    with World(directory=tmp_path, action=action) as world:
        broken(world).live(120, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        assert action.calls == 1
        (record,) = world.story.runs[0].actions
        assert record.outcome is not None
        assert record.outcome.status is OutcomeStatus.FOUND_DONE


def test_an_interrupted_action_that_nobody_can_judge_is_never_run_again(tmp_path: Path) -> None:
    class Unknowable(LedgerAction):
        calls = 0

        def probe(self, plan: Plan, service: Service) -> ProbeResult:
            return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement="the target does not answer")

        def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
            self.calls += 1
            raise KeyError("died in the middle")

    action = Unknowable()
    with World(directory=tmp_path, action=action) as world:
        broken(world).live(120, until=world.is_(IncidentState.ESCALATED))

        assert action.calls == 1
        assert world.incident.reason == "action_unknown"
        assert world.runs[0].state is RunState.UNKNOWN


def test_a_response_that_ends_the_process_each_time_goes_to_a_person_after_twenty_times_in_five_episodes(
    tmp_path: Path,
) -> None:
    def die(step: str) -> None:
        if step == "decide":
            raise SimulatedCrash(step)

    with World(directory=tmp_path, before=die) as world:
        broken(world).live(600, until=world.is_(IncidentState.ESCALATED))

        assert world.incident.reason == "internal_error"
        assert "cut off 20 times" in world.story.timeline[-2].text
        # the first process, and one after each death: the first try and twenty more in each of five episodes
        assert world.boots == 1 + MAX_FAILURES * (MOST_RESUMPTIONS + 1)
        assert world.ledger == ()


def test_times_that_a_segment_was_cut_off_are_forgotten_when_it_ends(tmp_path: Path) -> None:
    deaths = iter(range(MOST_RESUMPTIONS))

    def die(step: str) -> None:
        if step == "intent" and next(deaths, None) is not None:
            raise SimulatedCrash(step)

    with World(directory=tmp_path, before=die) as world:
        broken(world).live(300, until=lambda: world.is_finished() and not next(deaths, None))

        assert world.boots == 1 + MOST_RESUMPTIONS
        assert world.incident.resumed < MOST_RESUMPTIONS
        assert world.healed_once() == []


def test_a_response_that_keeps_failing_inside_ends_with_a_person_and_leaves_no_run_or_lock_behind(
    tmp_path: Path,
) -> None:
    class Broken(LedgerAction):
        def probe(self, plan: Plan, service: Service) -> ProbeResult:
            raise KeyError("a defect of the plugin")

        def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
            raise KeyError("a defect of the plugin")

    with World(directory=tmp_path, action=Broken()) as world:
        broken(world).live(300, until=world.is_(IncidentState.ESCALATED))

        assert world.incident.reason == "internal_error"
        assert world.usage.targets_in_flight == ()
        assert [run.state for run in world.runs] == [RunState.UNKNOWN]
        assert world.runs[0].ended_at is not None


def test_a_runbook_that_is_gone_after_a_restart_abandons_its_run(tmp_path: Path) -> None:
    names = moments(tmp_path / "undisturbed", decision=ACTING, life=heal, crash_in_writes=False)
    crashes = Crashes(at=frozenset({names.index("before effect")}))
    with World(directory=tmp_path / "changed", crashes=crashes) as world:
        broken(world).live(30, until=lambda: crashes.died == 1)
        world.runbook = world.runbook.model_copy(update={"name": "another"})
        world.rule = world.rule.model_copy(update={"runbook": "another"})
        world.boot()

        world.live(60, until=world.is_(IncidentState.RESOLVED))

        assert [run.state for run in world.runs] == [RunState.ABANDONED, RunState.SUCCEEDED]
        assert len(world.ledger) == 1


# --- a crash at every moment ------------------------------------------------------------------------------------------

Life = Callable[[World], None]


def heal(world: World) -> None:
    broken(world).live(180, until=world.is_(IncidentState.RESOLVED))


def heal_with_approval(world: World) -> None:
    broken(world).live(60, until=world.is_asking)
    world.answer(approve=True)
    world.live(180, until=world.is_(IncidentState.RESOLVED))


LIVES: dict[str, tuple[DecisionSettings, Life]] = {"act": (ACTING, heal), "ask": (ASKING, heal_with_approval)}


def moments(directory: Path, *, decision: DecisionSettings, life: Life, crash_in_writes: bool) -> list[str]:
    """Every moment of an undisturbed life, in order."""
    with World(directory=directory, decision=decision, crash_in_writes=crash_in_writes) as world:
        life(world)
        assert world.healed_once() == []
        return world.crashes.names


def disturbed(
    directory: Path, at: frozenset[int], *, decision: DecisionSettings, life: Life, writes: bool
) -> list[str]:
    """What is wrong after a life with crashes at these moments; nothing when the service was healed by one effect."""
    crashes = Crashes(at=at)
    with World(directory=directory, decision=decision, crashes=crashes, crash_in_writes=writes) as world:
        life(world)
        wrong = world.healed_once()
        if crashes.died != len(at):
            wrong.append(f"died {crashes.died} times")
        return wrong


@pytest.mark.parametrize("writes", [False, True], ids=["at every step", "around every commit"])
@pytest.mark.parametrize("name", ["act", pytest.param("ask", marks=pytest.mark.slow)])
def test_a_crash_at_any_moment_changes_nothing_about_the_one_effect(tmp_path: Path, name: str, writes: bool) -> None:
    decision, life = LIVES[name]
    names = moments(tmp_path / "undisturbed", decision=decision, life=life, crash_in_writes=writes)
    assert len(names) > 15
    assert {"before the line is written", "after the line is written", "after effect"} <= set(names)

    wrong = {
        f"{number} {moment}": found
        for number, moment in enumerate(names)
        if (
            found := disturbed(tmp_path / str(number), frozenset({number}), decision=decision, life=life, writes=writes)
        )
    }

    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize("later", [1, 2, 5], ids=lambda later: f"again {later} moments later")
def test_a_second_crash_right_after_the_first_changes_nothing_either(tmp_path: Path, later: int) -> None:
    names = moments(tmp_path / "undisturbed", decision=ACTING, life=heal, crash_in_writes=False)

    wrong = {
        f"{number} {moment}": found
        for number, moment in enumerate(names)
        if (
            found := disturbed(
                tmp_path / str(number),
                frozenset({number, number + later}),
                decision=ACTING,
                life=heal,
                writes=False,
            )
        )
    }

    # the very last moments have no later ones to die at
    assert {at: told for at, told in wrong.items() if told != ["died 1 times"]} == {}
    assert len(wrong) <= later


def test_an_effect_that_was_cut_off_before_it_happened_is_done_once_after_the_restart(tmp_path: Path) -> None:
    names = moments(tmp_path / "undisturbed", decision=ACTING, life=heal, crash_in_writes=False)
    crashes = Crashes(at=frozenset({names.index("before the line is written")}))
    with World(directory=tmp_path / "cut", crashes=crashes) as world:
        heal(world)

        assert world.healed_once() == []
        outcomes = [one.outcome.status for run in world.story.runs for one in run.actions if one.outcome]
        assert outcomes == [OutcomeStatus.GATED, OutcomeStatus.SUCCEEDED]


def test_an_effect_that_was_cut_off_after_it_happened_is_found_done_and_not_repeated(tmp_path: Path) -> None:
    names = moments(tmp_path / "undisturbed", decision=ACTING, life=heal, crash_in_writes=False)
    crashes = Crashes(at=frozenset({names.index("after the line is written")}))
    with World(directory=tmp_path / "cut", crashes=crashes) as world:
        heal(world)

        assert world.healed_once() == []
        outcomes = [one.outcome.status for run in world.story.runs for one in run.actions if one.outcome]
        assert outcomes == [OutcomeStatus.FOUND_DONE]


def test_an_answer_given_while_no_engine_runs_is_delivered_once(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ASKING) as world:
        broken(world).live(60, until=world.is_asking)
        world.answer(approve=True)
        world.boot()

        world.live(60, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []


def test_after_an_outage_nothing_is_done_by_a_plan_from_before_it(tmp_path: Path) -> None:
    class Dated(LedgerAction):
        note = "before"

        def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
            return super().plan(service, {**arguments, "note": self.note})

    names = moments(tmp_path / "undisturbed", decision=ACTING, life=heal, crash_in_writes=False)
    planned = max(index for index, name in enumerate(names) if name == "before decide")
    crashes, action = Crashes(at=frozenset({planned})), Dated()
    with World(directory=tmp_path / "outage", crashes=crashes, action=action) as world:
        broken(world).live(60, until=lambda: crashes.died == 1)
        died_at, action.note = world.clock.now(), "after"

        world.clock.advance(timedelta(minutes=10))  # the sources are heard again, and only then the response resumes
        world.live(120, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        acted = next(one for one in world.decisions if one.mode is DecisionMode.ACT)
        assert acted.plan is not None
        assert (acted.at > died_at, acted.plan.arguments["note"]) == (True, "after")


def test_what_was_seen_before_the_store_was_away_is_looked_at_anew(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        away: list[datetime] = []

        def wait(step: str) -> None:
            if step == "decide" and not away:
                away.append(world.clock.now())
                world.clock.advance(timedelta(minutes=10))

        world.before = wait
        broken(world).live(900, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        first = world.decisions[0]
        assert first.at - away[0] >= timedelta(minutes=10)
        assert (first.mode, first.reason) == (DecisionMode.WAIT, Reason.EVIDENCE_STALE)


def test_episodes_that_new_evidence_began_are_no_failures(tmp_path: Path) -> None:
    """An incident that was taken up often has the same patience with a failure inside RecoverOps as a new one."""
    failed: list[str] = []

    def fail_once(step: str) -> None:
        if step == "decide" and not failed and world.incident.episode >= MAX_FAILURES:
            failed.append(step)
            raise KeyError("a defect")

    with World(directory=tmp_path, before=fail_once) as world:
        broken(world)
        world.live(2, until=lambda: bool(world.incidents))
        often = msgspec.structs.replace(world.incident, episode=MAX_FAILURES + 1)
        world.store.write(lambda tx: tx.incidents.save(often))
        world.live(60, until=world.is_(IncidentState.RESOLVED))

        assert failed
        assert world.events("response_failed") == 1
        assert world.healed_once() == []

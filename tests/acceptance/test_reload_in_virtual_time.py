"""A reload in the middle of a response: runs keep their runbook, and what was not decided yet asks the new rules."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.acceptance.test_response_in_virtual_time import broken, heal, moments
from tests.acceptance.virtual_world import ACTING, ASKING, Crashes, World

from recoverops.decision import RuleBook
from recoverops.model import (
    AlertStatus,
    ApprovalState,
    DecisionMode,
    Execution,
    IncidentState,
    Mode,
    OutcomeStatus,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Reason,
    RunState,
    Service,
)
from recoverops.pipeline import Page
from recoverops.remediation import Runbook, VerifySettings
from recoverops.testing import LedgerAction
from recoverops.workflows import SimulatedCrash


class _Turned(World):
    """Its rule is about something else from the second start on."""

    def boot(self) -> None:
        if self.boots:
            self.rule = self.rule.model_copy(update={"when": 'kind == "disk_full"'})
        super().boot()


def _turn_once(world: World, *, at: str, page: Page) -> None:
    """Put the page in place right before this step, as a SIGHUP would."""
    turned: list[str] = []

    def before(step: str) -> None:
        if step == at and not turned:
            turned.append(step)
            world.parts.playbook.turn(page)

    world.before = before


def test_a_rule_that_changes_between_looking_and_deciding_is_asked_anew(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        stricter = world.rule.model_copy(update={"mode": Mode.OBSERVE})
        _turn_once(world, at="decide", page=Page(RuleBook([stricter]), {world.runbook.name: world.runbook}))

        broken(world).live(30, until=world.is_finished)

        reasons = [one.reason for one in world.decisions]
        assert Reason.RULES_CHANGED in reasons
        assert world.decisions[-1].mode is DecisionMode.OBSERVE
        assert world.ledger == (), "the old rule would have acted"


def test_a_runbook_that_is_gone_when_it_is_decided_starts_nothing(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        _turn_once(world, at="decide", page=Page(RuleBook([]), {}))

        broken(world).live(30, until=world.is_(IncidentState.ESCALATED))

        assert [one.reason for one in world.decisions][:1] == [Reason.RULES_CHANGED]
        assert world.incident.reason == Reason.NO_RULE_MATCHED
        assert world.ledger == ()


@pytest.mark.parametrize("runbook", ["other", "write-ledger"])
def test_a_rule_that_changes_between_decision_and_effect_starts_nothing(tmp_path: Path, runbook: str) -> None:
    with World(directory=tmp_path) as world:
        other = Runbook(name="other", action="write-ledger", arguments={"note": "other"}, verify=world.runbook.verify)
        changes = {"runbook": runbook} if runbook == "other" else {"when": 'kind == "disk_full"'}
        changed = world.rule.model_copy(update=changes)
        page = Page(RuleBook([changed]), {world.runbook.name: world.runbook, "other": other})
        _turn_once(world, at="intent", page=page)

        broken(world).live(60, until=lambda: world.is_finished() or bool(world.ledger))

        assert world.runs[0].state is RunState.ABANDONED
        assert world.events("action_gated") == 1
        assert [line.note for line in world.ledger] == (["other"] if runbook == "other" else [])
        assert world.decisions[-1].rules_digest == world.parts.rules.digest


def test_an_effect_that_has_happened_is_verified_whatever_the_rules_say_by_now(tmp_path: Path) -> None:
    names = moments(tmp_path / "undisturbed", decision=ACTING, life=heal, crash_in_writes=False)
    crashes = Crashes(at=frozenset({names.index("after the line is written")}))
    with _Turned(directory=tmp_path / "cut", crashes=crashes) as world:
        heal(world)

        assert world.boots == 2
        assert world.healed_once() == []
        (run,) = world.story.runs
        assert run.actions[0].outcome is not None
        assert run.actions[0].outcome.status is OutcomeStatus.FOUND_DONE


def test_an_effect_of_unknown_end_calls_a_person_whatever_the_rules_say_by_now(tmp_path: Path) -> None:
    class Unknowable(LedgerAction):
        calls = 0

        def probe(self, plan: Plan, service: Service) -> ProbeResult:
            return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement="the target does not answer")

        def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
            self.calls += 1
            raise SimulatedCrash("in the middle")

    action = Unknowable()
    with _Turned(directory=tmp_path, action=action) as world:
        broken(world).live(60, until=world.is_(IncidentState.ESCALATED))

        assert (action.calls, world.boots, world.incident.reason) == (1, 2, "action_unknown")
        assert world.runs[0].state is RunState.UNKNOWN


def test_a_running_run_is_verified_by_the_runbook_that_it_was_decided_with(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        verify = VerifySettings(hold=timedelta(minutes=20), timeout=timedelta(minutes=30))
        slower = Runbook(name=world.runbook.name, action=world.runbook.action, verify=verify)
        _turn_once(world, at="sleep", page=Page(RuleBook([world.rule]), {slower.name: slower}))

        broken(world).live(60, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        (run,) = world.runs
        assert run.runbook_digest != slower.digest
        assert world.parts.runbooks[slower.name] == slower


def test_a_question_is_withdrawn_when_the_new_rule_only_watches(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ASKING) as world:
        broken(world).live(30, until=world.is_asking)
        watching = world.rule.model_copy(update={"mode": Mode.OBSERVE})
        world.parts.playbook.turn(Page(RuleBook([watching]), {world.runbook.name: world.runbook}))
        world.alert(AlertStatus.FIRING)  # it is looked at anew
        world.live(5)

        assert world.decisions[-1].mode is DecisionMode.OBSERVE
        assert world.pending() == ()
        assert world.story.approval is not None
        assert world.story.approval.state is ApprovalState.WITHDRAWN

"""A reload in the middle of a response: runs keep their runbook, and what was not decided yet asks the new rules."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.acceptance.test_response_in_virtual_time import broken
from tests.acceptance.virtual_world import ASKING, World

from recoverops.decision import RuleBook
from recoverops.model import AlertStatus, ApprovalState, DecisionMode, IncidentState, Mode, Reason
from recoverops.pipeline import Page
from recoverops.remediation import Runbook, VerifySettings


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

"""Which runbook a run is measured by, before and after a reload."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from recoverops.decision import Rule, RuleBook
from recoverops.model import DecisionId, EffectClass, IncidentId, Plan, Resource, ResourceKind, Run, RunId, RunState
from recoverops.pipeline import Page, Playbook
from recoverops.remediation import Runbook

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OLD = Runbook(name="restart", action="restart-service")
NEW = Runbook(name="restart", action="restart-service", description="changed")
RULES = RuleBook([Rule(name="r", when='kind == "service_down"', runbook="restart")])


def _run_of(runbook: Runbook) -> Run:
    target = Resource(kind=ResourceKind.SERVICE, name="checkout")
    return Run(
        id=RunId("run-1"),
        incident_id=IncidentId("inc-1"),
        decision_id=DecisionId("dec-1"),
        runbook=runbook.name,
        runbook_digest=runbook.digest,
        plan=Plan(
            action=runbook.action,
            effect=EffectClass.RESTORATIVE,
            target=target,
            arguments={},
            touches=(target,),
            summary="restart",
            before={},
            timeout_s=1.0,
        ),
        state=RunState.RUNNING,
        requested_by="rule:r",
        started_at=NOW,
        not_after=NOW,
    )


def test_a_run_keeps_its_runbook_across_reloads_and_new_runs_get_the_new_one() -> None:
    playbook = Playbook(RULES, {"restart": OLD})
    playbook.turn(Page(RULES, {"restart": NEW}))
    playbook.turn(Page(RULES, {}))
    assert playbook.runbook_of(_run_of(OLD)) == OLD
    assert playbook.runbook_of(_run_of(NEW)) == NEW
    assert playbook.page.runbooks == {}


def test_after_a_restart_the_runbook_of_that_name_stands_in_or_none() -> None:
    assert Playbook(RULES, {"restart": NEW}).runbook_of(_run_of(OLD)) == NEW
    assert Playbook(RULES, {}).runbook_of(_run_of(OLD)) is None


def test_a_pinned_playbook_does_not_turn_with_the_other() -> None:
    playbook = Playbook(RULES, {"restart": OLD})
    pinned = playbook.pinned()
    playbook.turn(Page(RuleBook([]), {}))
    assert pinned.page.runbooks == {"restart": OLD}
    assert pinned.page.digest != playbook.page.digest


class TurnedInBetween(Page):
    """While its rules are read, the playbook gets another page."""

    turn: ClassVar[Callable[[], None]]

    def __getattribute__(self, name: str) -> Any:
        if name == "rules":
            TurnedInBetween.turn()
        return super().__getattribute__(name)


def test_a_pinned_playbook_pairs_no_old_rules_with_new_runbooks() -> None:
    playbook = Playbook(RULES, {})
    playbook.turn(TurnedInBetween(RULES, {"restart": OLD}))
    TurnedInBetween.turn = lambda: playbook.turn(Page(RuleBook([]), {"restart": NEW}))
    assert playbook.pinned().page == Page(RULES, {"restart": OLD})

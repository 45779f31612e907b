"""A wall clock that steps under an engine that may act alone: it asks, says why, and writes it down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.acceptance.virtual_world import ACTING, LONG_TICK, RULE, RUNBOOK, World

from recoverops.decision import RuleBook
from recoverops.model import AlertStatus, DecisionMode, IncidentState, RunState, WaitKind
from recoverops.pipeline import Page
from recoverops.remediation import VerifySettings


@pytest.mark.parametrize("by", [timedelta(hours=2), timedelta(hours=-2)], ids=["forward", "back"])
def test_after_a_step_it_asks_where_it_would_have_acted_and_the_audit_log_has_the_step(
    tmp_path: Path, by: timedelta
) -> None:
    with World(directory=tmp_path, decision=ACTING) as world:
        world.live(5)
        world.clock._now += by
        world.live(2)
        world.is_up = False
        world.live(15)

        incident = world.incidents[0]
        assert incident.state is IncidentState.WAITING
        decisions = world.store.read(lambda tx: tx.decisions.of_incident(incident.id))
        assert decisions[-1].mode is DecisionMode.ASK
        assert "the wall clock stepped" in decisions[-1].statement
        assert world.ledger == ()
        steps = [one for one in world.store.read(lambda tx: tx.audit.entries()) if one.event == "clock.stepped"]
        assert [one.detail["by_s"] for one in steps] == [f"{by.total_seconds():.0f}"]


def test_without_a_step_the_same_trouble_is_healed_alone(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ACTING) as world:
        world.live(7)
        world.is_up = False
        world.live(30)
        assert world.incidents[0].state is IncidentState.RESOLVED
        assert len(world.ledger) == 1


@pytest.mark.parametrize("at", ["hold", "verify"])
def test_a_clock_that_is_set_back_lets_nothing_wait_for_as_long_again(tmp_path: Path, at: str) -> None:
    with World(directory=tmp_path, decision=ACTING) as world:
        world.live(5)
        world.break_service()
        set_back: list[str] = []

        def before(step: str) -> None:
            if at == "verify" and step == "sleep" and not set_back:
                set_back.append(step)
                world.clock._now -= timedelta(hours=6)

        world.before = before
        if at == "hold":
            world.live(30, until=world.is_(IncidentState.WAITING))
            world.clock._now -= timedelta(hours=6)
        end = world.clock.monotonic() + 300
        world.live(7 * 3600, until=lambda: world.clock.monotonic() > end)

        assert world.usage.targets_in_flight == ()
        if at == "hold":
            assert world.is_asking(), "people are asked for an hour after a step"
            assert world.ledger == ()
        else:
            (run,) = world.runs
            assert (len(world.ledger), run.state) == (1, RunState.UNKNOWN)
            assert world.events("escalated") == 1, "nobody can tell before from after, so a person is called"


def _patiently_verified(world: World) -> bool:
    return bool(world.incidents) and world.story.wait is not None and world.story.wait.kind is WaitKind.VERIFICATION


def test_a_verification_that_waits_for_its_next_look_calls_a_person(tmp_path: Path) -> None:
    patient = VerifySettings(hold=timedelta(seconds=2), timeout=timedelta(seconds=300))
    runbook = RUNBOOK.model_copy(update={"verify": patient})
    with World(directory=tmp_path, decision=ACTING, runbook=runbook, heals=False) as world:
        world.live(5)
        world.break_service()
        world.live(120, until=lambda: _patiently_verified(world))
        world.clock._now -= timedelta(hours=6)
        _live_on(world, seconds=300, until=lambda: world.incident.state is IncidentState.ESCALATED)

        assert world.incident.state is IncidentState.ESCALATED
        assert world.usage.targets_in_flight == ()
        assert [run.state for run in world.runs] == [RunState.UNKNOWN]


UNFITTING = RULE.model_copy(update={"when": 'kind == "disk_full"'})


def test_what_comes_after_a_step_back_is_looked_at_soon(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ACTING, rule=UNFITTING) as world:
        _escalated(world)
        world.clock._now -= timedelta(hours=6)
        world.live(5)
        before = len(world.decisions)
        world.alert(AlertStatus.FIRING)
        _live_on(world, seconds=60, until=lambda: len(world.decisions) > before)
        assert len(world.decisions) > before


def test_rules_are_asked_again_after_a_step_back(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ACTING, rule=UNFITTING) as world:
        _escalated(world)
        world.clock._now -= timedelta(hours=6)
        world.live(20)
        before = len(world.decisions)
        world.parts.playbook.turn(Page(RuleBook([RULE]), {RUNBOOK.name: RUNBOOK}))
        _live_on(world, seconds=60, until=lambda: len(world.decisions) > before)
        assert RULE.name in {one.rule for one in world.decisions}


def _escalated(world: World) -> None:
    world.live(5)
    world.break_service()
    world.live(30, until=world.is_(IncidentState.ESCALATED))
    world.live(30)


def _live_on(world: World, *, seconds: float, until: Callable[[], bool]) -> None:
    """By the monotonic clock; the wall clock may stand hours behind."""
    end = world.clock.monotonic() + seconds
    world.live(7 * 3600, tick=LONG_TICK, until=lambda: until() or world.clock.monotonic() > end)

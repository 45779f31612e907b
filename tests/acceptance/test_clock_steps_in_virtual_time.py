"""A wall clock that steps under an engine that may act alone: it asks, says why, and writes it down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.acceptance.virtual_world import ACTING, World

from recoverops.model import DecisionMode, IncidentState, RunState


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

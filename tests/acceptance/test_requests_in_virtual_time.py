"""What a person asked for is begun soon or not at all: the world it was asked for may be gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.acceptance.test_response_in_virtual_time import broken
from tests.acceptance.test_rules_again_in_virtual_time import NEVER
from tests.acceptance.virtual_world import ACTING, CHECKOUT, World

from recoverops.decision import DecisionSettings
from recoverops.model import ConflictError, Incident, IncidentState, Reason, RunId, RunRequest
from recoverops.operations import request_run, tell_incident

CAREFUL = ACTING.model_copy(update={"require_approval": True})


def down(directory: Path, *, decision: DecisionSettings = ACTING) -> World:
    """And no rule does anything about it."""
    world = World(directory=directory, decision=decision, rule=NEVER)
    broken(world).live(10)
    return world


def ask(world: World, *, by: str = "person:ada") -> Incident:
    request = RunRequest(runbook=world.runbook.name, by=by, reason="it hangs")
    known = world.parts.inventory, list(world.parts.runbooks)
    return request_run(
        world.store,
        world.clock,
        request,
        service=CHECKOUT,
        inventory=known[0],
        runbooks=known[1],
        channels_of=lambda told: ("console",),
    )


def effects(world: World) -> int:
    return len(world.ledger)


def last_word(world: World) -> str:
    decisions = tell_incident(world.store, newest(world).id).decisions
    return max(decisions, key=lambda one: one.at).statement


def newest(world: World) -> Incident:
    return world.incidents[0]


def test_a_request_that_nobody_took_up_in_time_is_told_of_and_not_begun(tmp_path: Path) -> None:
    with down(tmp_path) as world:
        ask(world)
        world.clock.advance(timedelta(minutes=2, seconds=1))  # no engine runs
        world.live(30)
        assert (newest(world).state, newest(world).reason) == (IncidentState.ESCALATED, Reason.REQUEST_EXPIRED)
        assert not effects(world)
        assert "has to begin within 120 s of that (decision.act_within)" in last_word(world)


def test_one_that_a_gate_holds_for_too_long_is_told_at_once_and_names_the_gate(tmp_path: Path) -> None:
    with down(tmp_path) as world:
        asked = ask(world)
        target = asked.resource
        world.store.write(
            lambda tx: tx.limits.reserve(
                run_id=RunId("run-of-another"), target=target, touches=(target,), at=world.clock.now()
            )
        )
        world.live(3)
        assert not effects(world)
        assert newest(world).reason == Reason.REQUEST_EXPIRED
        assert "last action" in last_word(world)


def test_one_that_has_ended_makes_room_for_another_and_one_in_work_does_not(tmp_path: Path) -> None:
    with down(tmp_path) as world:
        first = ask(world)
        with pytest.raises(ConflictError, match=f"has a request in work already: {first.id}"):
            ask(world)
        world.clock.advance(timedelta(minutes=3))
        world.live(10)
        second = ask(world)
        assert [one.id for one in world.incidents[:2]] == [second.id, first.id]
        assert world.incidents[1].state is IncidentState.RESOLVED
        assert world.audit_is_whole()
        closed = tell_incident(world.store, first.id)
        assert "incident.resolved" in {one.notification.event for one in closed.deliveries}
        world.live(60, until=lambda: bool(world.ledger))
        assert effects(world) == 1


def test_an_answer_may_come_later_and_is_then_acted_on(tmp_path: Path) -> None:
    with down(tmp_path, decision=CAREFUL) as world:
        ask(world, by="person:bob")
        world.live(600)
        world.answer(approve=True)
        world.live(30, until=lambda: bool(world.ledger))
        assert effects(world) == 1

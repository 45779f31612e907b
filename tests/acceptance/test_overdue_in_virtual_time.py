"""A call of an action that does not return: a person is told, once, and the response goes on when it returns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.acceptance.virtual_world import CHECKOUT, World

from recoverops.model import (
    EffectClass,
    Execution,
    ExecutionStatus,
    IncidentState,
    Plan,
    ProbeAnswer,
    ProbeResult,
    RunState,
    Service,
)
from recoverops.pipeline.overdue import OVERDUE, SLACK_S
from recoverops.testing import LedgerAction
from recoverops.workflows import SimulatedCrash

LIMIT_S = 5.0 + SLACK_S
RESOURCE = Service(name=CHECKOUT, group=CHECKOUT).resource


class Hangs(LedgerAction):
    """Its effect lasts so long. Meanwhile the sweep looks once a second, as it does on its own thread."""

    def __init__(self, lasts_s: float) -> None:
        super().__init__(before_effect=self.hang)
        self.lasts_s = lasts_s
        self.calls = self.dies = 0
        """So many calls end with their process."""
        self.locked: set[bool] = set()
        self.world: World | None = None

    def hang(self) -> None:
        assert self.world is not None
        self.calls += 1
        until = self.world.clock.now() + timedelta(seconds=self.lasts_s)
        while self.world.clock.now() < until:
            self.world.clock.advance(timedelta(seconds=1))
            self.world.sweep.tick()
            self.locked.add(str(RESOURCE) in self.world.usage.targets_in_flight)
        if self.dies:
            self.dies -= 1
            raise SimulatedCrash("in the call")


class HangsInUndo(Hangs):
    effect = EffectClass.REVERSIBLE

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Execution(status=ExecutionStatus.SUCCEEDED, statement="done")

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        self.hang()
        return Execution(status=ExecutionStatus.SUCCEEDED, statement="taken back")

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ProbeResult(answer=ProbeAnswer.NOT_DONE, statement="as it was left")


def broken(directory: Path, action: Hangs) -> World:
    world = World(directory=directory, action=action)
    action.world = world
    world.live(2)
    world.break_service()
    return world


def told(world: World) -> list[str]:
    return [one.text for one in world.story.timeline if one.event == OVERDUE]


def calls_of_people(world: World) -> int:
    return sum(one.notification.event == "incident.escalated" for one in world.story.deliveries)


def test_a_person_is_told_once_and_the_response_goes_on_when_it_returns(tmp_path: Path) -> None:
    action = Hangs(10 * LIMIT_S)
    with broken(tmp_path, action) as world:
        world.live(30 * LIMIT_S, until=world.is_(IncidentState.RESOLVED))
        (text,) = told(world)
        assert text.startswith(f"write-ledger on {RESOURCE} has not returned for 66 s, its limit is 5 s.")
        assert calls_of_people(world) == 1
        assert action.locked == {True}
        assert world.healed_once() == []


def test_one_that_returns_within_the_slack_is_told_to_nobody(tmp_path: Path) -> None:
    with broken(tmp_path, Hangs(LIMIT_S - 1)) as world:
        world.live(10 * LIMIT_S, until=world.is_(IncidentState.RESOLVED))
        assert (told(world), calls_of_people(world)) == ([], 0)
        assert world.healed_once() == []


def test_an_undo_that_does_not_return_is_told_as_well(tmp_path: Path) -> None:
    action = HangsInUndo(3 * LIMIT_S)
    with broken(tmp_path, action) as world:
        world.live(30 * LIMIT_S, until=world.is_(IncidentState.ESCALATED))
        (run,) = world.runs
        assert run.state is RunState.UNDONE
        (text,) = told(world)
        assert text.startswith(f"the undo of write-ledger on {RESOURCE} has not returned")
        assert world.incident.reason == "undone"


def test_a_restart_in_the_call_tells_nobody_again(tmp_path: Path) -> None:
    action = HangsInUndo(LIMIT_S + 5)
    action.dies = 1
    with broken(tmp_path, action) as world:
        world.live(30 * LIMIT_S, until=world.is_(IncidentState.ESCALATED))
        assert (world.boots, action.calls, world.incident.reason) == (2, 2, "undone")
        assert len(told(world)) == 1
        assert calls_of_people(world) == 2, "that it hangs, and that it did not help"


def test_a_call_that_returned_while_the_telling_waited_for_its_turn_is_not_told_of(tmp_path: Path) -> None:
    action = Hangs(LIMIT_S - 1)
    world = broken(tmp_path, action)
    world.live(20 * LIMIT_S, until=world.is_(IncidentState.RESOLVED))
    (intent,) = world.story.runs[0].actions
    world.store.write(partial(world.sweep._overdue._write, intent, took_s=LIMIT_S))
    assert told(world) == []

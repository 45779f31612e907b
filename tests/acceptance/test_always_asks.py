"""An action that can be undone and always asks: a person lets it happen, and nobody but a person takes it back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from tests.acceptance.test_undo_in_virtual_time import ADA, Switch
from tests.acceptance.virtual_world import Crashes, World

from recoverops.model import IncidentState, Plan, RunState, Service
from recoverops.operations import request_undo


class Door(Switch):
    """Closes something that customers may use."""

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        return msgspec.structs.replace(super().plan(service, arguments), always_asks="customers may use it")


def test_it_asks_where_the_rule_may_act_and_stays_until_a_person_takes_it_back(tmp_path: Path) -> None:
    door = Door(tmp_path, Crashes())
    with World(directory=tmp_path, action=door, heals=False) as world:
        # given a rule that may act, and a service that the action will not heal
        world.live(2)
        world.break_service()
        world.live(60, until=world.is_asking)
        assert not door.file.exists()
        assert world.decisions[-1].statement.endswith("asks, always: customers may use it")
        # when a person lets it happen, and it does not help
        world.answer(approve=True)
        world.live(120, until=world.is_(IncidentState.ESCALATED))
        # then it stays, and the person who is called is told how to take it back
        (run,) = world.runs
        assert (door.file.read_text(), door.turned_off, run.state) == ("on", 0, RunState.FAILED)
        assert f"a person takes it back, with `recoverops undo {run.id}`" in world.story.timeline[-1].text
        # and a person does
        within = world.parts.decision.act_within
        request_undo(world.store, world.clock, run.id, by=ADA, reason="it was somebody else", act_within=within)
        world.live(5)
        assert (door.file.read_text(), door.turned_off) == ("off", 1)

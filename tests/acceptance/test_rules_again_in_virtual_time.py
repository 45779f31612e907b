"""Trouble that no rule matched is a person's, and the rules are asked again for as long as it lasts."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tests.acceptance.test_response_in_virtual_time import broken
from tests.acceptance.virtual_world import ACTING, ASKING, OBSERVING, RULE, World

from recoverops.decision import DecisionSettings, RuleBook
from recoverops.model import IncidentState, Mode, Reason, ResponseStage
from recoverops.pipeline import Page
from recoverops.pipeline.rules_again import MOST_LOOKS, RulesAgain

LATER = RULE.model_copy(update={"when": f"{RULE.when} && age_seconds > 60.0"})
NEVER = RULE.model_copy(update={"when": 'resource.name == "another"'})


def turn(world: World, *, rule: object) -> None:
    """As a reload would."""
    world.parts.playbook.turn(Page(RuleBook([rule]), {world.runbook.name: world.runbook}))  # type: ignore[list-item]


def escalated(directory: Path, *, rule: object, decision: DecisionSettings = ACTING) -> World:
    world = World(directory=directory, rule=rule, decision=decision)  # type: ignore[arg-type]
    broken(world).live(10)  # both of its series are bad then
    assert (world.incident.state, world.incident.reason) == (IncidentState.ESCALATED, Reason.NO_RULE_MATCHED)
    return world


def test_a_rule_about_its_age_acts_when_that_has_come(tmp_path: Path) -> None:
    with escalated(tmp_path, rule=LATER) as world:
        before = world.story
        world.live(45)
        assert (world.ledger, world.story) == ((), before)
        world.live(60, until=world.is_(IncidentState.RESOLVED))
        assert world.healed_once() == []
        assert world.events("rule_matches") == 1
        assert world.incident.reason == "verified"
        assert world.events("escalated") == sum(entry.event == "escalated" for entry in before.timeline)
        acted = next(entry for entry in world.story.timeline if entry.event == "rule_matches")
        assert acted.text == 'rule "write-when-down" matches now'
        assert 60 < (acted.at - world.incident.opened_at).total_seconds() < 70


def test_without_a_match_nothing_more_is_decided_or_told(tmp_path: Path) -> None:
    with escalated(tmp_path, rule=NEVER) as world:
        before = world.story
        world.live(600)
        assert world.story == before


def test_a_rule_that_was_written_since_is_asked_within_seconds(tmp_path: Path) -> None:
    with escalated(tmp_path, rule=NEVER, decision=ASKING) as world:
        world.live(600)
        turn(world, rule=RULE)
        world.live(5, until=world.is_asking)
        assert world.is_asking()
        world.answer(approve=True)
        world.live(60, until=world.is_(IncidentState.RESOLVED))
        assert world.healed_once() == []


def test_a_condition_that_comes_and_goes_calls_nobody_without_end(tmp_path: Path) -> None:
    with escalated(tmp_path, rule=NEVER) as world:
        for _ in range(120):
            turn(world, rule=LATER)  # matches when it is asked again
            world.before = lambda step: turn(world, rule=NEVER)  # and does not when it is decided
            world.live(5)
        assert world.ledger == ()
        assert 2 <= world.events("escalated") <= 8


def test_what_a_person_decided_or_only_watches_is_left_alone(tmp_path: Path) -> None:
    with World(directory=tmp_path / "denied", decision=ASKING) as world:
        broken(world).live(30, until=world.is_asking)
        world.answer(approve=False)
        world.live(300)
        assert (world.incident.reason, world.incident.episode, world.ledger) == (Reason.DENIED, 1, ())
    with World(directory=tmp_path / "watched", decision=OBSERVING) as world:
        broken(world).live(300)
        assert (world.incident.reason, world.incident.episode) == (Reason.OBSERVE_ONLY, 1)


def test_trouble_that_is_over_but_not_settled_is_not_begun_again(tmp_path: Path) -> None:
    with escalated(tmp_path, rule=NEVER) as world:
        world.is_up = True
        world.live(2)
        turn(world, rule=RULE.model_copy(update={"mode": Mode.ACT}))
        world.live(60, until=world.is_(IncidentState.RESOLVED))
        assert (world.incident.reason, world.events("rule_matches")) == ("recovered_by_itself", 0)


def test_in_a_storm_some_are_looked_at_in_each_tick_and_all_in_turn(tmp_path: Path) -> None:
    with escalated(tmp_path, rule=NEVER) as world:
        many = [
            msgspec.structs.replace(world.incident, id=f"inc-{number}", response=ResponseStage.FINISHED)
            for number in range(MOST_LOOKS + 5)
        ]
        world.clock.advance(world.clock.now() - world.incident.opened_at)
        again = RulesAgain(world.parts)
        turn(world, rule=RULE)
        found: list[list[str]] = []
        for _ in range(2):
            for incident in many:
                again.note(incident)
            found.append([incident.id for incident, _ in again.matches()])
        assert [len(one) for one in found] == [MOST_LOOKS, 5]
        assert {name for one in found for name in one} == {incident.id for incident in many}

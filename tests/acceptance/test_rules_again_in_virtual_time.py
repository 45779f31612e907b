"""Trouble that no rule matched is a person's, and the rules are asked again for as long as it lasts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.acceptance.test_response_in_virtual_time import broken
from tests.acceptance.virtual_world import ACTING, ASKING, LONG_TICK, OBSERVING, RULE, World

from recoverops.decision import DecisionSettings, RuleBook
from recoverops.model import Incident, IncidentId, IncidentState, Mode, Reason, RunId
from recoverops.pipeline import Page, Parts, rules_again
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


def test_a_rule_that_matches_a_look_and_never_the_decision_calls_people_ever_more_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with escalated(tmp_path, rule=NEVER) as world:
        monkeypatch.setattr(rules_again, "rule_that_matches", lambda *_, **__: "write-when-down")
        told = world.events("escalated")
        world.live(600)
        assert world.ledger == ()
        assert 2 <= world.events("rule_matches") <= 7
        assert world.events("escalated") - told == world.events("rule_matches")


def test_what_has_to_wait_after_a_rule_matched_at_last_is_waited_for(tmp_path: Path) -> None:
    """Patience counts from there: the trouble is older than `decision.give_up_after`."""
    freely = ACTING.model_copy(update={"cooldown": timedelta(0)})
    with escalated(tmp_path, rule=NEVER, decision=freely) as world:
        world.live(world.decision.give_up_after.total_seconds() + 60, tick=LONG_TICK)
        turn(world, rule=RULE.model_copy(update={"hold": timedelta(0)}))
        holder = world.incident.id
        target, other = world.incident.resource, RunId("run-of-another")
        world.store.write(
            lambda tx: tx.limits.reserve(run_id=other, target=target, touches=(target,), at=world.clock.now())
        )
        world.live(10)
        assert (world.incident.id, world.incident.reason, world.ledger) == (holder, Reason.TARGET_LOCKED, ())
        world.store.write(lambda tx: tx.limits.cancel(other))
        world.live(60, until=world.is_(IncidentState.RESOLVED))
        assert world.healed_once() == []


def test_under_the_emergency_stop_nothing_is_begun_again_and_after_it_everything(tmp_path: Path) -> None:
    with escalated(tmp_path, rule=LATER) as world:
        world.stop.engage(reason="drill", by="ada")
        world.live(120)
        assert (world.incident.reason, world.events("rule_matches")) == (Reason.NO_RULE_MATCHED, 0)
        world.stop.clear(world.stop.read())
        world.live(120, until=world.is_(IncidentState.RESOLVED))
        assert world.healed_once() == []


def test_one_that_cannot_be_looked_at_keeps_no_other_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with escalated(tmp_path, rule=NEVER) as world:
        world.live(5)
        broken_one = msgspec.structs.replace(world.incident, id=IncidentId("inc-0"))

        def looked(_: Parts, incident: Incident, **__: object) -> str:
            if incident.id == broken_one.id:
                raise ValueError("cannot be looked at")
            return "write-when-down"

        monkeypatch.setattr(rules_again, "rule_that_matches", looked)
        again = RulesAgain(world.parts)
        for incident in (broken_one, world.incident):
            again.note(incident)
        assert again.matches() == [(world.incident, "write-when-down")]


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


def test_in_a_storm_some_are_looked_at_in_each_tick_and_all_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with escalated(tmp_path, rule=NEVER) as world:
        many = [
            msgspec.structs.replace(world.incident, id=IncidentId(f"inc-{number}")) for number in range(MOST_LOOKS + 5)
        ]
        world.clock.advance(timedelta(minutes=1))
        looked: list[str] = []
        monkeypatch.setattr(rules_again, "rule_that_matches", lambda _, incident, **__: looked.append(incident.id))
        again = RulesAgain(world.parts)
        for most in (MOST_LOOKS, MOST_LOOKS + 5):
            for incident in many:
                again.note(incident)
            assert again.matches() == []
            assert len(looked) == most
        assert set(looked) == {incident.id for incident in many}

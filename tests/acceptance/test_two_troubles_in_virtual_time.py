"""An alert fires about a service, and then the service goes down: two troubles, each with its own hold and question."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.acceptance.test_flapping_in_virtual_time import DAMPING, FREELY, fall, told
from tests.acceptance.virtual_world import ACTING, ASKING, RULE, World

from recoverops.decision import DecisionSettings, Rule
from recoverops.incidents import IncidentSettings
from recoverops.model import AlertStatus, Incident, IncidentState, Mode, Reason

NAME = "QueueTooLong"
HELD = RULE.model_copy(update={"hold": timedelta(seconds=30)})
FOR_THE_ALERT = Rule(name="for-the-alert", when=f'symptom == "alert:{NAME}"', runbook="write-ledger", mode=Mode.ACT)


def alerted(
    directory: Path, *, decision: DecisionSettings = ACTING, rule: Rule = HELD, damping: IncidentSettings | None = None
) -> World:
    """For ten minutes; nobody has a rule for it unless a test says so."""
    world = World(directory=directory, decision=decision, rule=rule, damping=damping or IncidentSettings())
    world.live(2)
    world.alert(AlertStatus.FIRING, name=NAME, severity="warning")
    world.live(600, until=lambda: bool(world.ledger))
    return world


def about(world: World, symptom: str) -> Incident:
    (found,) = [one for one in world.incidents if one.symptom == symptom and not one.is_over]
    return found


def effects(world: World) -> int:
    return len(world.ledger)


def reasons(world: World, incident: Incident) -> set[str]:
    return {one.reason for one in world.store.read(lambda tx: tx.decisions.of_incident(incident.id))}


def test_the_age_of_an_alert_does_not_use_up_the_hold_of_a_crash(tmp_path: Path) -> None:
    with alerted(tmp_path) as world:
        assert about(world, f"alert:{NAME}").reason == Reason.NO_HYPOTHESIS
        world.break_service()
        world.live(29)
        assert not effects(world)
        acted_on = about(world, "availability")
        world.live(10, until=lambda: bool(world.ledger))
        assert effects(world) == 1
        assert len(world.store.read(lambda tx: tx.runs.of_incident(acted_on.id))) == 1


def test_a_critical_crash_is_asked_about_once_although_an_alert_of_less_weight_fires(tmp_path: Path) -> None:
    careful = ACTING.model_copy(update={"ask_when_critical": True})
    for decision in (careful, ASKING):
        with alerted(tmp_path / decision.mode / str(decision.ask_when_critical), decision=decision) as world:
            world.break_service()
            world.live(120)
            (asked,) = world.pending()
            assert (asked.incident_id, world.ledger) == (about(world, "availability").id, ())


def test_what_flaps_is_not_restarted_for_an_alert(tmp_path: Path) -> None:
    with alerted(tmp_path, decision=FREELY, rule=RULE, damping=DAMPING) as world:
        world.heals = False
        for _ in range(4):
            fall(world, down_s=3, up_s=45)
        before = world.ledger
        assert about(world, "availability").flapping_since is not None
        fall(world, down_s=60, up_s=1)
        assert world.ledger == before


def test_one_that_comes_together_with_a_crash_waits_for_it_and_calls_nobody(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        world.live(2)
        world.break_service()
        world.live(1)
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(5)
        alert = about(world, f"alert:{NAME}")
        assert (alert.state, reasons(world, alert)) == (IncidentState.WAITING, {Reason.ANOTHER_INCIDENT})
        world.live(5)
        world.alert(AlertStatus.RESOLVED, name=NAME)
        world.live(120, until=lambda: all(one.is_over for one in world.incidents))
        assert [one.state for one in world.incidents] == [IncidentState.RESOLVED] * 2
        assert (len(world.ledger), "incident.escalated" in told(world)) == (1, False)


def test_one_that_goes_on_after_the_crash_was_healed_calls_a_person(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        world.live(2)
        world.break_service()
        world.live(1)
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(120)
        alert = about(world, f"alert:{NAME}")
        assert (alert.state, alert.reason) == (IncidentState.ESCALATED, Reason.NO_HYPOTHESIS)
        assert reasons(world, alert) == {Reason.ANOTHER_INCIDENT, Reason.NO_HYPOTHESIS}
        assert len(world.ledger) == 1


def test_a_rule_for_the_alert_itself_acts_and_asks_when_something_critical_is_wrong(tmp_path: Path) -> None:
    with alerted(tmp_path / "well", rule=FOR_THE_ALERT) as world:
        assert len(world.ledger) == 1
    careful = ACTING.model_copy(update={"ask_when_critical": True})
    with World(directory=tmp_path / "down", rule=FOR_THE_ALERT, decision=careful) as world:
        world.live(2)
        world.break_service()
        world.live(5)
        world.alert(AlertStatus.FIRING, name=NAME, severity="warning")
        world.live(20)
        (asked,) = world.pending()
        assert (asked.incident_id, world.ledger) == (about(world, f"alert:{NAME}").id, ())


def test_one_about_a_service_that_nobody_listed_says_so(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        world.alert(AlertStatus.FIRING, name=NAME, service="chekout")
        world.live(5)
        assert (world.incident.state, world.incident.reason) == (IncidentState.ESCALATED, Reason.TARGET_UNKNOWN)
        assert "service:unlisted/chekout is not in the inventory (services:)" in world.decisions[0].statement

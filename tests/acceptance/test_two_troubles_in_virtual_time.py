"""An alert fires about a service, and then the service goes down: two troubles, each with its own hold and question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from tests.acceptance.test_flapping_in_virtual_time import DAMPING, FREELY, fall, told
from tests.acceptance.test_response_in_virtual_time import broken
from tests.acceptance.test_rules_again_in_virtual_time import NEVER
from tests.acceptance.virtual_world import ACTING, ASKING, CHECKOUT, LONG_TICK, RULE, RUNBOOK, World

from recoverops.decision import DecisionSettings, Rule, RuleBook
from recoverops.incidents import IncidentSettings
from recoverops.model import AlertStatus, Decision, Incident, IncidentState, Mode, Reason, Sample, Service
from recoverops.pipeline import Page, Parts
from recoverops.pipeline.assess import assess
from recoverops.ports import Store, Tx
from recoverops.remediation import VerifySettings
from recoverops.topology import Inventory

T = TypeVar("T")

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


def decisions(world: World, incident: Incident) -> tuple[Decision, ...]:
    return world.store.read(lambda tx: tx.decisions.of_incident(incident.id))


def reasons(world: World, incident: Incident) -> set[str]:
    return {one.reason for one in decisions(world, incident)}


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


def test_one_that_waits_for_another_waits_over_a_restart_too(tmp_path: Path) -> None:
    with World(directory=tmp_path, rule=HELD) as world:
        broken(world).live(2)
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(3)
        world.is_measured = False
        world.boot()
        world.live(15)
        assert about(world, f"alert:{NAME}").reason == Reason.ANOTHER_INCIDENT
        world.is_measured = True
        world.live(60, until=lambda: bool(world.ledger))
        world.alert(AlertStatus.RESOLVED, name=NAME)
        world.live(120, until=lambda: all(one.is_over for one in world.incidents))
        assert (effects(world), "incident.escalated" in told(world)) == (1, False)


def test_one_that_outlasts_the_crash_waits_while_that_is_verified(tmp_path: Path) -> None:
    patient = RUNBOOK.model_copy(
        update={"verify": VerifySettings(hold=timedelta(minutes=3), timeout=timedelta(minutes=5))}
    )
    with World(directory=tmp_path, runbook=patient) as world:
        broken(world).live(2)
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(150)
        assert effects(world) == 1
        assert about(world, f"alert:{NAME}").reason == Reason.ANOTHER_INCIDENT
        world.alert(AlertStatus.RESOLVED, name=NAME)
        world.live(300, until=lambda: all(one.is_over for one in world.incidents))
        assert "incident.escalated" not in told(world)


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


OTHER_NAME = "WorkersIdle"


def with_two_alerts(world: World) -> World:
    """It is down, and two alerts come of that; none of them ends with it."""
    broken(world).live(1)
    world.alert(AlertStatus.FIRING, name=NAME)
    world.alert(AlertStatus.FIRING, name=OTHER_NAME)
    return world


def alerts_of(world: World) -> list[Incident]:
    return [about(world, f"alert:{name}") for name in (NAME, OTHER_NAME)]


def test_two_that_outlast_the_crash_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        with_two_alerts(world).live(120)
        for alert in alerts_of(world):
            assert (alert.state, alert.reason) == (IncidentState.ESCALATED, Reason.NO_HYPOTHESIS)
            assert reasons(world, alert) == {Reason.ANOTHER_INCIDENT, Reason.NO_HYPOTHESIS}
        assert len(world.ledger) == 1


def test_two_that_wait_for_a_third_call_nobody_while_that_is_verified_over_a_restart_too(tmp_path: Path) -> None:
    patient = RUNBOOK.model_copy(
        update={"verify": VerifySettings(hold=timedelta(minutes=3), timeout=timedelta(minutes=5))}
    )
    with World(directory=tmp_path, rule=HELD, runbook=patient) as world:
        with_two_alerts(world).live(5)
        for _ in range(2):  # while it holds, and while it is verified
            world.is_measured = False
            world.boot()
            world.live(15)
            world.is_measured = True
            world.live(60)
            assert {one.reason for one in alerts_of(world)} == {Reason.ANOTHER_INCIDENT}
        assert effects(world) == 1
        assert "incident.escalated" not in told(world)
        world.live(240)
        assert {one.state for one in alerts_of(world)} == {IncidentState.ESCALATED}


def test_one_that_waits_is_not_forgotten_while_a_rule_cannot_be_judged_after_a_restart(tmp_path: Path) -> None:
    patient = RUNBOOK.model_copy(
        update={"verify": VerifySettings(hold=timedelta(minutes=3), timeout=timedelta(minutes=5))}
    )
    queued = FOR_THE_ALERT.model_copy(update={"when": 'metrics["http.probe.success"] > 1.0'})
    with World(directory=tmp_path, runbook=patient) as world:
        page = Page(RuleBook([RULE, queued]), {world.runbook.name: world.runbook})
        world.parts.playbook.turn(page)
        broken(world).live(2)
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(30, until=lambda: about(world, "availability").state is IncidentState.VERIFYING)
        world.live(3)
        world.is_measured = False
        world.boot()
        world.parts.playbook.turn(page)
        world.live(15)
        world.is_measured = True
        world.live(30)
        assert about(world, "availability").state is IncidentState.VERIFYING
        assert about(world, f"alert:{NAME}").reason == Reason.ANOTHER_INCIDENT
        assert "incident.escalated" not in told(world)


class WithADisk(World):
    """Its disk has room all the time."""

    def measure(self) -> None:
        super().measure()
        resource = Service(name=CHECKOUT, group=CHECKOUT).resource
        room = Sample(resource=resource, metric="disk.utilization", value=0.1, at=self.clock.now(), source="world")
        self.observer.take_samples([room])


def test_what_was_normal_all_along_has_not_recovered_because_the_process_began_anew(tmp_path: Path) -> None:
    with WithADisk(directory=tmp_path, heals=False) as world:
        broken(world).live(1)
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(20, until=lambda: about(world, "availability").state is IncidentState.VERIFYING)
        world.boot()
        world.live(120)
        told_of_it = [one.statement for one in decisions(world, about(world, f"alert:{NAME}"))]
        assert not [one for one in told_of_it if "recovered" in one]
        assert about(world, f"alert:{NAME}").reason == Reason.NO_HYPOTHESIS


class Counting:
    """A store that counts how often it is read."""

    def __init__(self, store: Store) -> None:
        self.reads = 0
        self._store = store

    def read(self, fn: Callable[[Tx], T]) -> T:
        self.reads += 1
        return self._store.read(fn)

    def write(self, fn: Callable[[Tx], T]) -> T:
        return self._store.write(fn)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def reads_of_a_look(directory: Path, alerts: int) -> int:
    with World(directory=directory) as world:
        for number in range(alerts):
            world.alert(AlertStatus.FIRING, name=f"{NAME}{number}")
        broken(world).live(1)
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(20)
        waiting = about(world, f"alert:{NAME}")
        assert waiting.reason == Reason.ANOTHER_INCIDENT
        counting = Counting(world.store)
        assess(replace(world.parts, store=counting), waiting, now=world.clock.now() + timedelta(minutes=1))
        return counting.reads


def test_a_look_at_one_of_many_alerts_reads_the_store_no_more_often_than_at_one_of_two(tmp_path: Path) -> None:
    assert reads_of_a_look(tmp_path / "many", 60) == reads_of_a_look(tmp_path / "two", 2) <= 3


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


def test_an_alert_is_not_kept_waiting_for_a_trouble_that_nobody_works_on(tmp_path: Path) -> None:
    with World(directory=tmp_path, rule=NEVER) as world:
        broken(world).live(120)
        assert about(world, "availability").state is IncidentState.ESCALATED
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(5)
        alert = about(world, f"alert:{NAME}")
        assert (alert.state, alert.reason) == (IncidentState.ESCALATED, Reason.NO_HYPOTHESIS)


def test_one_that_waited_in_vain_for_another_is_asked_about_again(tmp_path: Path) -> None:
    late = FOR_THE_ALERT.model_copy(update={"when": f"{FOR_THE_ALERT.when} && age_seconds > 4000.0"})
    held = RULE.model_copy(update={"hold": timedelta(hours=3)})
    with World(directory=tmp_path, rule=held) as world:
        world.parts.playbook.turn(Page(RuleBook([held, late]), {world.runbook.name: world.runbook}))
        broken(world).live(2)
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(world.decision.give_up_after.total_seconds() + 60, tick=LONG_TICK)
        alert = about(world, f"alert:{NAME}")
        assert (alert.state, alert.reason) == (IncidentState.ESCALATED, Reason.NO_HYPOTHESIS)
        assert reasons(world, alert) == {Reason.ANOTHER_INCIDENT, Reason.NO_HYPOTHESIS}
        world.live(3000, tick=LONG_TICK, until=lambda: bool(world.ledger))
        assert len(world.store.read(lambda tx: tx.runs.of_incident(alert.id))) == 1


class Needing(World):
    """The service needs a database, which is down."""

    def _parts(self) -> Parts:
        parts, database = super()._parts(), Service(name="db", group="db")
        needs = msgspec.structs.replace(parts.inventory.services[CHECKOUT], depends_on=("db",))
        return replace(parts, inventory=Inventory([needs, database]))

    def measure(self) -> None:
        super().measure()
        now, resource = self.clock.now(), Service(name="db", group="db").resource
        down = Sample(resource=resource, metric="service.running", value=0.0, at=now, source="world")
        self.observer.take_samples([down])


def test_a_rule_for_an_alert_does_not_act_while_what_the_service_needs_is_down(tmp_path: Path) -> None:
    with Needing(directory=tmp_path, rule=FOR_THE_ALERT) as world:
        world.live(2)
        world.is_answering = False
        world.live(5)
        world.alert(AlertStatus.FIRING, name=NAME)
        world.live(60)
        assert reasons(world, about(world, f"alert:{NAME}")) == {Reason.DEPENDENCY_AT_FAULT}
        assert not effects(world)

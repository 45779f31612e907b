"""Ended alerts in memory: they go after an hour, and nothing that is still asked about goes with them."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.virtual_world import CHECKOUT, LONG_TICK, OBSERVING, START, World

from recoverops.model import Alert, AlertStatus, IncidentState, Service, StoredAlert

RESOURCE = Service(name=CHECKOUT, group=CHECKOUT).resource


def tell(world: World, fingerprint: str, status: AlertStatus, *, name: str = "PodDown") -> None:
    now = world.clock.now()
    fires = status is AlertStatus.FIRING
    alert = Alert(
        source="world",
        fingerprint=fingerprint,
        status=status,
        starts_at=now if fires else START,
        ends_at=None if fires else now,
        labels={"alertname": name, "service": CHECKOUT},
    )
    world.observer.take_alerts([StoredAlert(seq=1, received_at=now, alert=alert)])


def alerts_known(world: World) -> set[str]:
    known = world.parts.conditions.of_resource(RESOURCE)
    return {one.series.rpartition(":")[2] for one in known if one.sticky}


def test_alerts_that_ended_go_after_an_hour_and_the_newest_of_its_symptom_stays(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=OBSERVING) as world:
        for number in range(50):
            tell(world, f"f{number}", AlertStatus.FIRING)
            world.clock.advance(LONG_TICK)
            tell(world, f"f{number}", AlertStatus.RESOLVED)
        world.live(120, tick=LONG_TICK)
        assert world.incident.state is IncidentState.RESOLVED
        assert len(alerts_known(world)) == 50, "an answer that comes out of turn is still known to be old"
        world.live(3600, tick=LONG_TICK)
        assert alerts_known(world) == {"f49"}
        # and one of them is new when it fires again
        tell(world, "f7", AlertStatus.FIRING)
        assert {one.state for one in world.incidents} == {IncidentState.RESOLVED, IncidentState.OPEN}


def test_what_is_at_fault_in_an_open_incident_stays_known_until_it_is_closed(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=OBSERVING) as world:
        for name in ("f1", "f2", "f3"):
            tell(world, name, AlertStatus.FIRING)
        for name in ("f1", "f2"):
            tell(world, name, AlertStatus.RESOLVED)
        world.live(7200, tick=LONG_TICK)
        assert alerts_known(world) == {"f1", "f2", "f3"}
        tell(world, "f3", AlertStatus.RESOLVED)
        world.live(120, tick=LONG_TICK)
        assert (world.incident.state, world.incident.reason) == (IncidentState.RESOLVED, "recovered_by_itself")

"""One of two series at fault is measured no more: the incident ends all the same, and new trouble is not swallowed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.acceptance.virtual_world import ACTING, CHECKOUT, LONG_TICK, World

from recoverops.model import AlertStatus, IncidentState, Resource, ResourceKind, Sample, Service

HOUR = 3600


@dataclass
class ProbedWorld(World):
    """Its service is watched and probed, until somebody takes the probe away."""

    is_probed: bool = True

    def measure(self) -> None:
        target, now = Service(name=CHECKOUT, group=CHECKOUT).resource, self.clock.now()
        metrics = ["service.running", *(["http.probe.success"] if self.is_probed else [])]
        value = float(self.is_up)
        self.observer.take_samples(
            [Sample(resource=target, metric=one, value=value, at=now, source="world") for one in metrics]
        )

    def repaired_without_its_probe(self) -> None:
        """By a person, long after one was called."""
        self.live(5)
        self.break_service()
        self.live(90, until=self.is_(IncidentState.ESCALATED))
        self.live(30)
        self.is_up, self.is_probed = True, False


def test_it_is_closed_an_hour_later_and_says_what_was_not_heard_of(tmp_path: Path) -> None:
    with ProbedWorld(directory=tmp_path, decision=ACTING, heals=False) as world:
        world.repaired_without_its_probe()
        world.live(0.9 * HOUR, tick=LONG_TICK)
        assert world.is_(IncidentState.ESCALATED)()
        world.live(0.2 * HOUR, tick=LONG_TICK)
        assert world.is_(IncidentState.RESOLVED)()
        assert "nobody told of" in world.story.timeline[-1].text
        assert "http.probe.success" in world.story.timeline[-1].text


def test_so_it_is_after_a_restart_too(tmp_path: Path) -> None:
    with ProbedWorld(directory=tmp_path, decision=ACTING, heals=False) as world:
        world.repaired_without_its_probe()
        world.live(60)
        world.boot()
        world.live(0.9 * HOUR, tick=LONG_TICK)
        assert world.is_(IncidentState.ESCALATED)()
        world.live(0.2 * HOUR, tick=LONG_TICK)
        assert world.is_(IncidentState.RESOLVED)()


def test_the_next_outage_opens_another_incident(tmp_path: Path) -> None:
    with ProbedWorld(directory=tmp_path, decision=ACTING, heals=False) as world:
        world.repaired_without_its_probe()
        world.live(2 * HOUR, tick=LONG_TICK)
        world.is_up, world.is_probed = False, True
        world.live(60)
        assert len(world.incidents) == 2
        series = max(world.incidents, key=lambda one: one.opened_at).series
        assert len(series) == 2, "the probe is judged from its beginning"


def test_an_outage_before_that_is_decided_anew(tmp_path: Path) -> None:
    with ProbedWorld(directory=tmp_path, decision=ACTING, heals=False) as world:
        world.repaired_without_its_probe()
        world.live(0.5 * HOUR, tick=LONG_TICK)
        decided = len(world.decisions)
        world.is_up = False
        world.live(60)
        assert world.events("opened") == 1
        assert len(world.decisions) > decided


def test_what_comes_back_at_once_is_the_same_trouble(tmp_path: Path) -> None:
    with ProbedWorld(directory=tmp_path, decision=ACTING, heals=False) as world:
        world.repaired_without_its_probe()
        world.live(5)
        decided = len(world.decisions)
        world.is_up = False
        world.live(300, tick=LONG_TICK)
        assert len(world.decisions) == decided


def _with_an_alert_that_ended(world: World) -> None:
    """It is down and measured so; an alert about it has ended. The response is over, a person was called."""
    world.live(5)
    world.break_service()
    world.live(10)
    world.alert(AlertStatus.FIRING)
    world.live(200, tick=LONG_TICK)
    world.alert(AlertStatus.RESOLVED)
    world.live(1.2 * HOUR, tick=LONG_TICK)
    assert world.is_(IncidentState.ESCALATED)()


def test_after_a_restart_nothing_is_gone_because_nothing_was_heard_yet(tmp_path: Path) -> None:
    with ProbedWorld(directory=tmp_path, decision=ACTING, heals=False, is_probed=False) as world:
        _with_an_alert_that_ended(world)
        acted = len(world.ledger)
        world.boot()
        world.sweep.tick()
        world.live(60)
        assert world.is_(IncidentState.ESCALATED)()
        assert (len(world.incidents), len(world.ledger)) == (1, acted)


@pytest.mark.parametrize("by", [timedelta(minutes=65), timedelta(seconds=-45)], ids=["forward", "back"])
def test_a_step_of_the_clock_lets_nothing_vanish(tmp_path: Path, by: timedelta) -> None:
    with ProbedWorld(directory=tmp_path, decision=ACTING, heals=False, is_probed=False) as world:
        _with_an_alert_that_ended(world)
        world.clock._now += by
        world.observer.take_samples([])
        world.sweep.tick()
        world.live(60)
        assert (world.incident.state, len(world.incidents)) == (IncidentState.ESCALATED, 1)


def test_what_a_blind_source_does_not_see_is_not_gone(tmp_path: Path) -> None:
    with ProbedWorld(directory=tmp_path, decision=ACTING, heals=False) as world:
        world.repaired_without_its_probe()
        blind = Resource(kind=ResourceKind.SOURCE, name="prober")
        until = world.clock.now() + timedelta(hours=2)
        while world.clock.now() < until:
            down = Sample(resource=blind, metric="source.up", value=0.0, at=world.clock.now(), source="prober")
            world.observer.take_samples([down])
            world.live(30, tick=LONG_TICK)
        first = min(world.incidents, key=lambda one: one.opened_at)
        assert first.state is IncidentState.ESCALATED

"""A disk that will be full: told to people before it is, in virtual time, and nothing is done about it unasked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.acceptance.virtual_world import ACTING, CHECKOUT, START, World

from recoverops.decision import DecisionSettings, Rule
from recoverops.model import (
    GateName,
    IncidentState,
    Mode,
    Reason,
    ResponseStage,
    Sample,
    Service,
    Severity,
)

DISK_RULE = Rule(
    name="on-disk", when='symptom == "disk"', runbook="write-ledger", mode=Mode.ACT, hold=timedelta(seconds=5)
)
FULL_RULE = Rule(
    name="on-full", when='kind == "disk_full"', runbook="write-ledger", mode=Mode.ACT, hold=timedelta(seconds=5)
)
TARGET = Service(name=CHECKOUT, group=CHECKOUT).resource
EVERY = timedelta(seconds=10)


class Disk:
    """A disk in the world, measured every ten seconds."""

    def __init__(self, world: World, used: Callable[[float], float]) -> None:
        self.world = world
        self.used = used
        world.is_measured = False

    def run(self, hours: float, *, until: Callable[[], bool] = lambda: False) -> None:
        end = self.world.clock.now() + timedelta(hours=hours)
        while self.world.clock.now() < end and not until():
            self.measure()
            self.world.sweep.tick()
            assert self.world.engine is not None
            self.world.engine.run_until_idle()
            self.world.clock.advance(EVERY)

    def measure(self) -> None:
        now = self.world.clock.now()
        value = self.used((now - START).total_seconds() / 3600)
        self.world.observer.take_samples(
            (Sample(resource=TARGET, metric="disk.utilization", value=value, at=now, source="disk"),)
        )

    def is_open(self) -> bool:
        return bool(self.world.incidents)


def fills(hours: float) -> float:
    """From 40 % by 20 % an hour: full after three hours."""
    return min(1.0, 0.4 + 0.2 * hours)


@pytest.mark.parametrize("rule", [DISK_RULE, FULL_RULE], ids=["symptom", "kind"])
def test_a_disk_that_fills_is_told_to_a_person_before_it_is_full_and_nothing_is_done_unasked(
    tmp_path: Path, rule: Rule
) -> None:
    with World(directory=tmp_path, rule=rule, decision=ACTING) as world:
        disk = Disk(world, fills)
        disk.run(3.0, until=disk.is_open)

        told_at = world.clock.now() - START
        assert timedelta(hours=1) < told_at < timedelta(hours=2)
        assert "full in 1 h" in world.incident.title
        assert "90 %: " in world.incident.title
        assert (world.incident.severity, world.incident.symptom) == (Severity.MEDIUM, "disk")

        disk.run(0.1)
        assert world.ledger == ()
        if rule is DISK_RULE:
            (asked,) = world.pending()
            assert asked.incident_id == world.incident.id
            verdict = next(one for one in world.decisions[-1].gates if one.gate is GateName.APPROVAL)
            assert verdict.statement.startswith("only a forecast says so")
        else:
            assert (world.incident.state, world.incident.reason) == (IncidentState.ESCALATED, Reason.NO_HYPOTHESIS)


def test_when_it_is_really_full_it_is_the_same_incident_and_decided_anew_after_the_whole_hold(tmp_path: Path) -> None:
    with World(directory=tmp_path, rule=FULL_RULE, decision=DecisionSettings(mode=Mode.ACT)) as world:
        disk = Disk(world, fills)
        disk.run(3.0, until=lambda: bool(world.ledger))

        assert world.incident.series == (
            "service:checkout/forecast:disk.utilization",
            "service:checkout/disk.utilization",
        )
        assert world.incident.severity is Severity.HIGH
        acted = world.clock.now() - START
        beyond = timedelta(hours=2.5)  # 90 %
        assert acted >= beyond + timedelta(seconds=5)
        assert len(world.ledger) == 1


def test_an_incident_that_was_only_foreseen_is_closed_when_room_was_made(tmp_path: Path) -> None:
    with World(directory=tmp_path, rule=FULL_RULE) as world:
        disk = Disk(world, fills)
        disk.run(3.0, until=disk.is_open)
        disk.run(0.1)
        disk.used = lambda hours: 0.3
        disk.run(0.1)

        assert (world.incident.state, world.incident.response) == (IncidentState.RESOLVED, ResponseStage.FINISHED)


def test_logs_that_are_rotated_every_hour_raise_nothing(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        disk = Disk(world, lambda hours: 0.6 + 0.12 * (hours % 1.0))
        disk.run(5.0)

        assert world.incidents == ()

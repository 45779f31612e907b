"""Alerts that come in one batch, as in a storm, leave what the same alerts leave when they come one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.acceptance.virtual_world import ASKING, CHECKOUT, START, World

from recoverops.decision import Rule
from recoverops.model import (
    Alert,
    AlertStatus,
    Incident,
    Mode,
    Reason,
    SegmentKey,
    Severity,
    StoredAlert,
    Wait,
    WaitKind,
)
from recoverops.pipeline import Sweep

SECOND = timedelta(seconds=1)
DECIDED = "incident.decided"


def alert(number: int, *, trouble: str, at: datetime, severity: str = "high", fires: bool = True) -> Alert:
    return Alert(
        source="world",
        fingerprint=f"f{number}",
        status=AlertStatus.FIRING if fires else AlertStatus.RESOLVED,
        starts_at=at,
        ends_at=None if fires else at,
        labels={"alertname": trouble, "service": "elsewhere", "severity": severity},
    )


def deliver(world: World, alerts: Iterable[Alert]) -> None:
    world.observer.take_alerts(
        [StoredAlert(seq=seq, received_at=world.clock.now(), alert=one) for seq, one in enumerate(alerts, start=1)]
    )


def told(world: World, incident: Incident) -> list[tuple[str, str, str]]:
    """Its story and its lines in the audit log, which have to say the same in the same order."""
    story = world.store.read(lambda tx: tx.incidents.timeline(incident.id))
    audited = world.store.read(lambda tx: [one for one in tx.audit.entries() if one.subject == incident.id])
    assert [f"incident.{one.event}" for one in story] == [one.event for one in audited]
    assert [{"text": one.text, **one.detail} for one in story] == [one.detail for one in audited]
    return [(one.event, one.text, one.detail.get("series", "")) for one in story]


def outcome(world: World) -> list[object]:
    """All that is stored about the troubles, but for names and revisions."""
    found = sorted(world.incidents, key=lambda one: one.fingerprint)
    return [
        (one.fingerprint, one.series, one.severity, one.state, one.response, one.episode, one.onsets, told(world, one))
        for one in found
    ]


@given(
    troubles=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["A", "B", "C"]), st.sampled_from(["low", "high"]))),
    size=st.integers(1, 7),
    answered=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_batch_leaves_what_single_alerts_leave(
    troubles: Sequence[tuple[int, str, str]], size: int, answered: bool
) -> None:
    alerts = [
        alert(number, trouble=trouble, severity=severity, at=START - SECOND * (len(troubles) - after))
        for after, (number, trouble, severity) in enumerate(troubles)
    ]
    outcomes = []
    for together in (1, size):
        with TemporaryDirectory() as folder, World(directory=Path(folder)) as world:
            world.clock.on_tick = lambda: None
            deliver(world, alerts[: len(alerts) // 2])
            if answered:  # so that the rest finds incidents whose response has ended
                world.live(3)
            for first in range(len(alerts) // 2, len(alerts), together):
                deliver(world, alerts[first : first + together])
            assert world.store.read(lambda tx: tx.audit.verify()).broken_at is None
            outcomes.append(outcome(world))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("order", [(2, 1, 3), (2, 3, 1), (1, 2, 3)])
def test_trouble_that_comes_back_in_a_batch_is_counted_wherever_it_stands(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    with World(directory=tmp_path) as world:
        world.clock.on_tick = lambda: None
        deliver(world, [alert(1, trouble="A", at=START)])
        world.clock.advance(SECOND * 5)
        deliver(world, [alert(1, trouble="A", at=world.clock.now(), fires=False)])
        world.clock.advance(SECOND * 5)
        again = world.clock.now()
        world.clock.advance(SECOND)
        # when others join in the same batch
        deliver(world, [alert(number, trouble="A", at=again) for number in order])
        # then it is one onset more, and everything is told in the order of its coming
        assert world.incident.onsets == (START, world.clock.now())
        assert [name[-2:] for name in world.incident.series] == ["f1", "f2", "f3"]
        assert [(event, name[-2:]) for event, _, name in told(world, world.incident)] == [
            ("opened", "f1"),
            *(("anomaly", f"f{number}") for number in order),
        ]


def test_new_evidence_in_a_batch_brings_a_wait_for_a_person_forward(tmp_path: Path) -> None:

    def wait() -> Wait | None:
        return world.store.read(lambda tx: tx.waits.of_incident(world.incident.id)) if world.incidents else None

    with World(directory=tmp_path, decision=ASKING) as world:
        world.break_service()
        world.live(60, until=lambda: (found := wait()) is not None and found.kind is WaitKind.APPROVAL)
        asking = wait()
        assert asking is not None
        assert asking.due_at > world.clock.now() + SECOND * 10
        deliver(world, [down(number, at=world.clock.now()) for number in (1, 2)])
        assert wait() == msgspec.structs.replace(asking, due_at=world.clock.now())


def down(number: int, *, at: datetime) -> Alert:
    return Alert(
        source="world",
        fingerprint=f"f{number}",
        status=AlertStatus.FIRING,
        starts_at=at,
        labels={"alertname": "ServiceDown", "service": "checkout"},
    )


# --- the worst first --------------------------------------------------------------------------------------------------

MOST = 70
"""More than there are threads."""
HELD = Rule(name="held", when="true", runbook="write-ledger", mode=Mode.ACT, hold=timedelta(seconds=10))


def storm(*, service: str) -> list[Alert]:
    """Low ones, and a critical one that comes last."""
    severities = ["low"] * MOST + ["critical"]
    found = [alert(n, trouble=f"T{n}", at=START, severity=severity) for n, severity in enumerate(severities)]
    return [msgspec.structs.replace(one, labels={**one.labels, "service": service}) for one in found]


def critical(world: World) -> Incident:
    (found,) = [one for one in world.incidents if one.severity is Severity.CRITICAL]
    return found


def test_the_critical_one_at_the_end_of_a_storm_is_decided_first_after_a_restart_too(tmp_path: Path) -> None:
    for is_restarted in (False, True):
        with World(directory=tmp_path / str(is_restarted)) as world:
            deliver(world, storm(service="elsewhere"))
            if is_restarted:
                world.boot()
            assert world.engine is not None
            world.engine.run_until_idle()

            decided = world.store.read(lambda tx: [e.subject for e in tx.audit.entries() if e.event == DECIDED])
            assert (decided[0], len(set(decided))) == (critical(world).id, MOST + 1)


class Started:
    """An engine that only writes down what is started."""

    def __init__(self) -> None:
        self.keys: list[SegmentKey] = []

    def start(self, key: SegmentKey, *, severity: Severity = Severity.CRITICAL) -> None:
        self.keys.append(key)

    def is_running(self, key: SegmentKey) -> bool:
        return key in self.keys

    def stop(self, *, timeout: timedelta) -> None:
        """Nothing runs."""


def test_of_those_whose_wait_is_over_the_critical_one_is_woken_first(tmp_path: Path) -> None:
    with World(directory=tmp_path, rule=HELD) as world:
        world.is_measured = False
        deliver(world, storm(service=CHECKOUT))
        assert world.engine is not None
        world.engine.run_until_idle()
        assert {one.reason for one in world.incidents} == {Reason.HOLDING}
        world.clock.advance(timedelta(seconds=11))
        engine = Started()
        Sweep(world.parts, engine).tick()

        assert engine.keys[0].incident_id == critical(world).id
        assert len({one.incident_id for one in engine.keys}) == MOST + 1

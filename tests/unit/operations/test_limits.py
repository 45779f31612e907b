"""Every limit's use, as /remediation/status and /status show it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from recoverops.model import Resource, RunId, Service, Wait, WaitKind
from recoverops.operations import Ceilings, LimitsView, limits_view, silence
from recoverops.storage import StopFile
from recoverops.topology import Inventory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import ManualClock, Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CEILINGS = Ceilings(per_hour=2, per_day=3, cooldown=5 * MINUTE)


@pytest.fixture
def switch(tmp_path: Path, clock: ManualClock) -> StopFile:
    return StopFile(tmp_path / "EMERGENCY_STOP", clock=clock)


def act(store: SqlStore, clock: ManualClock, run: str, target: Resource) -> None:
    store.write(lambda tx: tx.limits.reserve(run_id=RunId(run), target=target, touches=(target,), at=clock.now()))


def view(store: SqlStore, clock: ManualClock, switch: StopFile, ceilings: Ceilings = CEILINGS) -> LimitsView:
    return limits_view(store, clock, switch, ceilings)


def test_where_nothing_was_done_everything_is_free(store: SqlStore, clock: ManualClock, switch: StopFile) -> None:
    seen = view(store, clock, switch)

    assert (seen.actions_in_last_hour.used, seen.actions_in_last_hour.most) == (0, 2)
    assert (seen.actions_in_last_day.used, seen.actions_in_last_day.most) == (0, 3)
    assert (seen.cooldowns, seen.locks, seen.waits, seen.approvals, seen.silences) == ((), (), (), (), ())
    assert not seen.emergency_stop.stopped


def test_a_spent_limit_says_when_the_next_action_fits(
    store: SqlStore, clock: ManualClock, switch: StopFile, a: Records
) -> None:
    first = clock.now()
    act(store, clock, "run-1", a.service("checkout"))
    assert view(store, clock, switch).actions_in_last_hour.next_free_at is None
    clock.advance(10 * MINUTE)
    act(store, clock, "run-2", a.service("payments"))

    seen = view(store, clock, switch)

    assert (seen.actions_in_last_hour.used, seen.actions_in_last_hour.next_free_at) == (2, first + HOUR)
    assert (seen.actions_in_last_day.used, seen.actions_in_last_day.next_free_at) == (2, None)


def test_under_a_limit_that_was_lowered_more_than_one_action_has_to_be_over(
    store: SqlStore, clock: ManualClock, switch: StopFile, a: Records
) -> None:
    times = []
    for number in range(5):
        clock.advance(MINUTE)
        times.append(clock.now())
        act(store, clock, f"run-{number}", a.service(f"s{number}"))

    seen = view(store, clock, switch, Ceilings(per_hour=2, per_day=0, cooldown=5 * MINUTE))

    assert (seen.actions_in_last_hour.used, seen.actions_in_last_hour.next_free_at) == (5, times[3] + HOUR)
    assert (seen.actions_in_last_day.used, seen.actions_in_last_day.next_free_at) == (5, None)


def test_a_cooldown_runs_for_each_target_until_its_end(
    store: SqlStore, clock: ManualClock, switch: StopFile, a: Records
) -> None:
    acted_at = clock.now()
    act(store, clock, "run-1", a.service("checkout"))
    clock.advance(5 * MINUTE - timedelta(microseconds=1))

    (cooling,) = view(store, clock, switch).cooldowns
    assert (cooling.target, cooling.acted_at, cooling.ends_at) == ("service:checkout", acted_at, acted_at + 5 * MINUTE)

    clock.advance(timedelta(microseconds=1))
    assert view(store, clock, switch).cooldowns == ()


def test_locks_waits_questions_and_silences_are_shown(
    store: SqlStore, clock: ManualClock, switch: StopFile, a: Records
) -> None:
    wait = Wait(incident_id=a.incident().id, kind=WaitKind.APPROVAL, due_at=a.at + HOUR, since=a.at)

    def ask(tx: Tx) -> None:
        tx.incidents.insert(a.incident())
        tx.approvals.insert(a.approval())
        tx.waits.park(wait)

    store.write(ask)
    act(store, clock, "run-1", a.service("payments"))
    inventory = Inventory([Service(name="checkout", group="shop")])
    begun = silence(
        store, clock, inventory, pattern="service:checkout", duration=HOUR, by="person:ada", reason="new kernel"
    )

    seen = view(store, clock, switch)

    assert [(one.resource, one.run_id, one.since) for one in seen.locks] == [("service:payments", "run-1", a.at)]
    assert (seen.waits, seen.approvals, seen.silences) == ((wait,), (a.approval(),), (begun,))
    clock.advance(HOUR)
    assert view(store, clock, switch).silences == ()


def test_the_emergency_stop_is_shown_and_one_that_cannot_be_read_counts_as_engaged(
    store: SqlStore, clock: ManualClock, switch: StopFile, tmp_path: Path
) -> None:
    switch.engage(reason="drill", by="ada")
    assert view(store, clock, switch).emergency_stop.reason == "drill"

    (tmp_path / "a directory").mkdir()
    unreadable = view(store, clock, StopFile(tmp_path / "a directory", clock=clock)).emergency_stop
    assert unreadable.stopped
    assert "a directory" in unreadable.reason

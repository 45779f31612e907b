"""A person closes an incident: from where it may be done, and what has to be left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from recoverops.model import (
    ApprovalState,
    ConflictError,
    Incident,
    IncidentState,
    NotFoundError,
    Notification,
    ResponseStage,
    RunState,
    Wait,
    WaitKind,
)
from recoverops.operations import close_incident

if TYPE_CHECKING:
    from tests.conftest import ManualClock, Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def everywhere(_: Notification) -> tuple[str, ...]:
    return ("slack",)


def close(store: SqlStore, clock: ManualClock, name: str = "inc-1", *, note: str = "done by hand") -> Incident:
    return close_incident(store, clock, name, by="person:ada", note=note, channels_of=everywhere)


@pytest.mark.parametrize("state", [IncidentState.OPEN, IncidentState.WAITING, IncidentState.ESCALATED])
def test_an_incident_on_which_nothing_runs_can_be_closed(
    store: SqlStore, clock: ManualClock, a: Records, state: IncidentState
) -> None:
    store.write(lambda tx: tx.incidents.insert(a.incident(state=state)))
    clock.advance(timedelta(minutes=5))

    closed = close(store, clock)

    assert closed == store.read(lambda tx: tx.incidents.get(closed.id))
    assert (closed.state, closed.reason, closed.response) == (
        IncidentState.RESOLVED,
        "closed",
        ResponseStage.FINISHED,
    )
    assert closed.resolved_at == clock.now()


def test_its_question_is_withdrawn_and_its_wait_removed(store: SqlStore, clock: ManualClock, a: Records) -> None:
    incident = a.incident(state=IncidentState.WAITING, response=ResponseStage.PARKED)

    def ask(tx: Tx) -> None:
        tx.incidents.insert(incident)
        tx.approvals.insert(a.approval())
        tx.waits.park(
            Wait(incident_id=incident.id, kind=WaitKind.APPROVAL, due_at=a.at + timedelta(hours=1), since=a.at)
        )

    store.write(ask)

    close(store, clock)

    asked = store.read(lambda tx: tx.approvals.newest_of(incident.id))
    assert asked is not None
    assert (asked.state, asked.decided_by) == (ApprovalState.WITHDRAWN, "person:ada")
    assert store.read(lambda tx: tx.waits.of_incident(incident.id)) is None


def test_a_question_whose_time_was_over_has_expired(store: SqlStore, clock: ManualClock, a: Records) -> None:
    def ask(tx: Tx) -> None:
        tx.incidents.insert(a.incident(state=IncidentState.WAITING))
        tx.approvals.insert(a.approval())

    store.write(ask)
    clock.advance(timedelta(hours=1))

    closed = close(store, clock)

    asked = store.read(lambda tx: tx.approvals.newest_of(closed.id))
    assert asked is not None
    assert asked.state is ApprovalState.EXPIRED


def test_it_is_told_in_the_timeline_the_audit_log_and_to_people(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    store.write(lambda tx: tx.incidents.insert(a.incident(state=IncidentState.ESCALATED)))

    closed = close(store, clock)

    (entry,) = store.read(lambda tx: tx.incidents.timeline(closed.id))
    assert (entry.event, entry.actor, entry.text) == ("closed", "person:ada", "closed by person:ada: done by hand")
    audited = store.read(lambda tx: tx.audit.head())
    assert audited is not None
    assert (audited.event, audited.actor, audited.subject) == ("incident.closed", "person:ada", closed.id)
    assert audited.detail == {"was": "escalated", "note": "done by hand"}
    (delivery,) = store.read(lambda tx: tx.outbox.of_incident(closed.id))
    assert (delivery.notification.event, delivery.channel) == ("incident.resolved", "slack")
    assert "person:ada: done by hand" in delivery.notification.body


@pytest.mark.parametrize("state", [IncidentState.ACTING, IncidentState.VERIFYING])
def test_what_is_being_done_is_seen_through_first(
    store: SqlStore, clock: ManualClock, a: Records, state: IncidentState
) -> None:
    running = RunState.RUNNING if state is IncidentState.ACTING else RunState.VERIFYING

    def act(tx: Tx) -> None:
        tx.incidents.insert(a.incident(state=state))
        tx.runs.insert(a.run(state=running))

    store.write(act)

    with pytest.raises(ConflictError, match=f"is {state}: run run-1 of restart-service is {running}"):
        close(store, clock)

    assert store.read(lambda tx: tx.incidents.get(a.incident().id)).state is state
    assert store.read(lambda tx: tx.audit.head()) is None


def test_closing_what_is_resolved_is_a_conflict_that_says_since_when(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    store.write(lambda tx: tx.incidents.insert(a.incident()))
    close(store, clock)
    with pytest.raises(ConflictError, match=r"resolved already at 2026-03-01 12:00:00 UTC \(closed\)"):
        close(store, clock)


def test_the_end_of_the_id_is_enough_and_an_unknown_one_is_not_found(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    store.write(lambda tx: tx.incidents.insert(a.incident("inc-20260301-120000-a3f9c1")))
    with pytest.raises(NotFoundError, match="no incident inc-0"):
        close(store, clock, "inc-0")
    assert close(store, clock, "a3f9c1").id == "inc-20260301-120000-a3f9c1"

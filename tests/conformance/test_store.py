"""The contract of the store, table family by table family, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest

from recoverops.model import (
    AlertStatus,
    ApprovalId,
    ApprovalState,
    ConflictError,
    DeliveryState,
    Evidence,
    Hypothesis,
    Incident,
    IncidentId,
    IncidentKind,
    IncidentState,
    NotFoundError,
    Notification,
    Outcome,
    OutcomeStatus,
    PermanentError,
    ResponseStage,
    RunId,
    RunState,
    Severity,
    TimelineEntry,
    Wait,
    WaitKind,
)
from recoverops.ports import Tx

if TYPE_CHECKING:
    from tests.conftest import ManualClock, Records

    from recoverops.storage import SqlStore

MINUTE = timedelta(minutes=1)
replace = msgspec.structs.replace


# --- transactions -------------------------------------------------------------------------------------------------


def test_a_write_that_raises_leaves_nothing_behind(store: SqlStore, a: Records) -> None:
    def fail(tx: Tx) -> None:
        tx.incidents.insert(a.incident())
        raise LookupError("changed my mind")

    with pytest.raises(LookupError):
        store.write(fail)

    assert store.read(lambda tx: tx.incidents.listed()) == ()


def test_a_read_keeps_its_snapshot_while_others_write(store: SqlStore, a: Records) -> None:
    def read(tx: Tx) -> tuple[int, int]:
        before = len(tx.incidents.listed())
        writer = threading.Thread(target=store.write, args=(lambda other: other.incidents.insert(a.incident()),))
        writer.start()
        writer.join(timeout=10)
        assert not writer.is_alive(), "the writer waited for the reader"
        return before, len(tx.incidents.listed())

    assert store.read(read) == (0, 0)
    assert len(store.read(lambda tx: tx.incidents.listed())) == 1


def test_reading_inside_a_write_does_not_deadlock_and_sees_what_is_committed(store: SqlStore, a: Records) -> None:
    def write(tx: Tx) -> int:
        tx.incidents.insert(a.incident())
        return len(store.read(lambda other: other.incidents.listed()))

    assert store.write(write) == 0


def test_a_write_inside_a_write_is_refused(store: SqlStore) -> None:
    with pytest.raises(PermanentError, match="inside another one"):
        store.write(lambda _: store.write(lambda tx: tx.audit.head()))

    assert store.write(lambda tx: tx.audit.head()) is None


def test_a_read_transaction_cannot_write(store: SqlStore, a: Records) -> None:
    with pytest.raises(PermanentError, match="nothing can be written here"):
        store.read(lambda tx: tx.incidents.insert(a.incident()))


def test_a_ping_confirms_a_real_write(store: SqlStore) -> None:
    store.ping(timeout=timedelta(seconds=10))


# --- signals ------------------------------------------------------------------------------------------------------


def admit(store: SqlStore, *alerts: object) -> tuple[int, int]:
    answer = store.admit(alerts, size=100).result(timeout=10)  # type: ignore[arg-type]
    return answer.stored, answer.duplicates


def process_all(store: SqlStore, clock: ManualClock) -> None:
    def mark(tx: Tx) -> None:
        tx.signals.mark_processed([stored.seq for stored in tx.signals.pending(limit=1000)], at=clock.now())

    store.write(mark)


def test_admitted_alerts_are_pending_in_their_order_until_processed(
    store: SqlStore, a: Records, clock: ManualClock
) -> None:
    assert admit(store, a.alert("f1"), a.alert("f2"), a.alert("f3")) == (3, 0)

    pending = store.read(lambda tx: tx.signals.pending(limit=2))
    assert [stored.alert.fingerprint for stored in pending] == ["f1", "f2"]
    assert pending[0].received_at == clock.now()
    assert pending[0].alert == a.alert("f1")

    store.write(lambda tx: tx.signals.mark_processed([stored.seq for stored in pending], at=clock.now()))
    assert [stored.alert.fingerprint for stored in store.read(lambda tx: tx.signals.pending(limit=9))] == ["f3"]


def test_both_members_of_an_ha_pair_are_stored_once(store: SqlStore, a: Records) -> None:
    assert admit(store, a.alert("f1"), a.alert("f2")) == (2, 0)
    # the peer's copy has the same facts with other annotations, and repeats one within the delivery
    peer = [a.alert(name, annotations={"replica": "b"}) for name in ("f1", "f2", "f3", "f3")]
    assert admit(store, *peer) == (1, 3)
    assert len(store.read(lambda tx: tx.signals.pending(limit=10))) == 3


def test_a_resolved_delivery_is_another_fact_than_the_firing_one(store: SqlStore, a: Records) -> None:
    assert admit(store, a.alert("f1"), a.alert("f1", status=AlertStatus.RESOLVED)) == (2, 0)


def test_an_empty_delivery_is_answered_too(store: SqlStore) -> None:
    assert admit(store) == (0, 0)


def test_current_is_the_newest_processed_delivery_that_fires(store: SqlStore, a: Records, clock: ManualClock) -> None:
    later = a.at + MINUTE
    admit(store, a.alert("resolved"), a.alert("again"), a.alert("firing"))
    admit(store, a.alert("resolved", status=AlertStatus.RESOLVED), a.alert("again", status=AlertStatus.RESOLVED))
    admit(store, a.alert("again", starts_at=later), a.alert("firing", source="other-sender"))
    process_all(store, clock)
    admit(store, a.alert("not yet processed"), a.alert("firing", status=AlertStatus.RESOLVED))

    current = store.read(lambda tx: tx.signals.current())

    assert [(stored.alert.source, stored.alert.fingerprint, stored.alert.starts_at) for stored in current] == [
        ("alertmanager", "firing", a.at),
        ("alertmanager", "again", later),
        ("other-sender", "firing", a.at),
    ]


def test_current_tells_on_demand_what_was_resolved_since(store: SqlStore, a: Records, clock: ManualClock) -> None:
    admit(store, a.alert("early"), a.alert("early", status=AlertStatus.RESOLVED))
    clock.advance(MINUTE)
    admit(store, a.alert("late"), a.alert("late", status=AlertStatus.RESOLVED))
    process_all(store, clock)

    current = store.read(lambda tx: tx.signals.current(resolved_since=a.at + MINUTE))

    assert [(stored.alert.fingerprint, stored.alert.status) for stored in current] == [("late", AlertStatus.RESOLVED)]


# --- incidents ----------------------------------------------------------------------------------------------------


def test_an_incident_comes_back_as_it_was_stored(store: SqlStore, a: Records) -> None:
    incident = a.incident(series=("service:checkout/http.probe.success",), kind=IncidentKind.SERVICE_DOWN)
    store.write(lambda tx: tx.incidents.insert(incident))

    assert store.read(lambda tx: tx.incidents.get(incident.id)) == incident
    assert store.read(lambda tx: tx.incidents.open_with(incident.fingerprint)) == incident


def test_a_second_open_incident_with_one_fingerprint_is_a_conflict_that_names_the_first(
    store: SqlStore, a: Records
) -> None:
    first = a.incident("inc-1")
    second = a.incident("inc-2", fingerprint=first.fingerprint)

    def insert_both(tx: Tx) -> Incident:
        tx.incidents.insert(first)
        with pytest.raises(ConflictError, match="inc-1 with the same fingerprint"):
            tx.incidents.insert(second)
        return tx.incidents.get(first.id)  # the transaction goes on

    assert store.write(insert_both) == first


def test_after_the_end_of_the_first_a_second_incident_may_open(store: SqlStore, a: Records) -> None:
    first = a.incident("inc-1")
    store.write(lambda tx: tx.incidents.insert(first))
    store.write(lambda tx: tx.incidents.save(replace(first, state=IncidentState.RESOLVED)))
    second = a.incident("inc-2", fingerprint=first.fingerprint)

    store.write(lambda tx: tx.incidents.insert(second))

    assert store.read(lambda tx: tx.incidents.open_with(first.fingerprint)) == second


def test_inserting_an_incident_twice_is_a_conflict(store: SqlStore, a: Records) -> None:
    store.write(lambda tx: tx.incidents.insert(a.incident()))
    with pytest.raises(ConflictError, match="inc-1 is stored already"):
        store.write(lambda tx: tx.incidents.insert(a.incident()))


def test_a_save_raises_the_revision_and_an_older_one_is_a_conflict(store: SqlStore, a: Records) -> None:
    read_by_two = a.incident()
    store.write(lambda tx: tx.incidents.insert(read_by_two))

    saved = store.write(lambda tx: tx.incidents.save(replace(read_by_two, state=IncidentState.WAITING)))
    assert saved.revision == 2
    with pytest.raises(ConflictError, match="revision 2, this save began at 1"):
        store.write(lambda tx: tx.incidents.save(replace(read_by_two, state=IncidentState.ACTING)))

    assert store.read(lambda tx: tx.incidents.get(read_by_two.id)) == saved


def _insert(incident: Incident, tx: Tx) -> None:
    tx.incidents.insert(incident)


def test_many_are_saved_together_or_none_of_them(store: SqlStore, a: Records) -> None:
    one, two = a.incident("inc-1"), a.incident("inc-2")
    for incident in (one, two):
        store.write(partial(_insert, incident))
    assert store.write(lambda tx: tx.incidents.save_all(())) == ()

    saved = store.write(lambda tx: tx.incidents.save_all([replace(two, title="two"), replace(one, title="one")]))
    assert [(incident.title, incident.revision) for incident in saved] == [("two", 2), ("one", 2)]
    assert store.read(lambda tx: [tx.incidents.get(incident.id) for incident in saved]) == list(saved)

    with pytest.raises(ConflictError, match="of 2 incidents, inc-2 to inc-1, at least one was saved by somebody else"):
        store.write(lambda tx: tx.incidents.save_all([replace(saved[0], title="newer"), replace(one, title="stale")]))
    assert store.read(lambda tx: tx.incidents.get(two.id)).title == "two"


def test_those_that_are_open_with_any_of_the_fingerprints(store: SqlStore, a: Records) -> None:
    incidents = [a.incident(f"inc-{number}") for number in range(4)]
    for incident in incidents:
        store.write(partial(_insert, incident))
    store.write(lambda tx: tx.incidents.save(replace(incidents[1], state=IncidentState.RESOLVED)))

    wanted = {incident.fingerprint for incident in incidents[:3]}
    found = store.read(lambda tx: tx.incidents.open_with_any(wanted))
    assert {incident.id for incident in found} == {"inc-0", "inc-2"}
    assert store.read(lambda tx: tx.incidents.open_with_any(())) == ()


def test_a_resolved_incident_may_still_finish_its_response(store: SqlStore, a: Records) -> None:
    over = a.incident(state=IncidentState.RESOLVED)
    store.write(lambda tx: tx.incidents.insert(over))
    saved = store.write(lambda tx: tx.incidents.save(replace(over, response=ResponseStage.FINISHED)))
    assert saved.response is ResponseStage.FINISHED


def test_an_unknown_incident_is_not_found(store: SqlStore, a: Records) -> None:
    with pytest.raises(NotFoundError, match="no incident inc-9"):
        store.read(lambda tx: tx.incidents.get(IncidentId("inc-9")))
    with pytest.raises(NotFoundError, match="no incident inc-9"):
        store.write(lambda tx: tx.incidents.save(a.incident("inc-9")))


def test_incidents_are_listed_newest_first_by_state_and_number(store: SqlStore, a: Records) -> None:
    states = [IncidentState.OPEN, IncidentState.RESOLVED, IncidentState.ESCALATED]

    def insert(tx: Tx) -> None:
        for number, state in enumerate(states, start=1):
            tx.incidents.insert(a.incident(f"inc-{number}", state=state, opened_at=a.at + number * MINUTE))

    store.write(insert)

    def ids(*wanted: IncidentState, limit: int = 100) -> list[str]:
        return [incident.id for incident in store.read(lambda tx: tx.incidents.listed(states=wanted, limit=limit))]

    assert [incident.id for incident in store.read(lambda tx: tx.incidents.listed())] == ["inc-3", "inc-2", "inc-1"]
    assert [incident.id for incident in store.read(lambda tx: tx.incidents.listed(limit=1))] == ["inc-3"]
    assert ids(IncidentState.OPEN, IncidentState.ESCALATED) == ["inc-3", "inc-1"]
    assert ids() == []


def test_due_are_the_unresolved_whose_response_has_a_segment_to_start(store: SqlStore, a: Records) -> None:
    def insert(tx: Tx) -> None:
        tx.incidents.insert(a.incident("due"))
        tx.incidents.insert(a.incident("parked", response=ResponseStage.PARKED))
        tx.incidents.insert(a.incident("finished", response=ResponseStage.FINISHED))
        tx.incidents.insert(a.incident("over", state=IncidentState.RESOLVED))

    store.write(insert)
    assert [incident.id for incident in store.read(lambda tx: tx.incidents.due())] == ["due"]


def test_of_those_that_are_due_the_worst_come_first_and_of_equals_the_oldest(store: SqlStore, a: Records) -> None:
    later = a.at + timedelta(minutes=1)
    found = [
        a.incident("low", severity=Severity.LOW, opened_at=a.at),
        a.incident("newer", severity=Severity.CRITICAL, opened_at=later),
        a.incident("high", severity=Severity.HIGH, opened_at=a.at),
        a.incident("older", severity=Severity.CRITICAL, opened_at=a.at),
    ]

    def insert(tx: Tx) -> None:
        for incident in found:
            tx.incidents.insert(incident)

    store.write(insert)
    due = store.read(lambda tx: tx.incidents.due())
    assert [incident.id for incident in due] == ["older", "newer", "high", "low"]


def test_the_oldest_open_incident_is_found_behind_any_number_of_newer_ones(store: SqlStore, a: Records) -> None:
    assert store.read(lambda tx: tx.incidents.oldest_open_at()) is None

    def insert(tx: Tx) -> None:
        tx.incidents.insert(a.incident("over", state=IncidentState.RESOLVED, opened_at=a.at - timedelta(hours=2)))
        tx.incidents.insert(a.incident("oldest", state=IncidentState.ESCALATED, opened_at=a.at - timedelta(hours=1)))
        for number in range(1100):
            tx.incidents.insert(a.incident(f"inc-{number}", opened_at=a.at + timedelta(seconds=number)))

    store.write(insert)
    assert store.read(lambda tx: tx.incidents.oldest_open_at()) == a.at - timedelta(hours=1)


def test_hypotheses_are_replaced_and_keep_their_rank(store: SqlStore, a: Records) -> None:
    def hypothesis(confidence: float) -> Hypothesis:
        seen = Evidence(series="s", supports=True, statement="down", at=a.at)
        return Hypothesis(
            cause=IncidentKind.SERVICE_DOWN, resource=a.service(), confidence=confidence, evidence=(seen,)
        )

    incident_id = a.incident().id
    first, second = (hypothesis(0.5), hypothesis(0.9), hypothesis(0.1)), (hypothesis(0.7), hypothesis(0.2))
    store.write(lambda tx: tx.incidents.insert(a.incident()))
    store.write(lambda tx: tx.incidents.set_hypotheses(incident_id, first))
    assert store.read(lambda tx: tx.incidents.hypotheses(incident_id)) == first
    store.write(lambda tx: tx.incidents.set_hypotheses(incident_id, second))
    assert store.read(lambda tx: tx.incidents.hypotheses(incident_id)) == second
    store.write(lambda tx: tx.incidents.set_hypotheses(incident_id, ()))
    assert store.read(lambda tx: tx.incidents.hypotheses(incident_id)) == ()


def test_the_story_is_told_in_the_order_of_writing(store: SqlStore, a: Records) -> None:
    incident_id = a.incident().id
    told = tuple(
        TimelineEntry(incident_id=incident_id, at=a.at, event=event, actor="engine", text=event, detail={"n": event})
        for event in ("opened", "decided", "acted")
    )

    def tell(tx: Tx) -> None:
        tx.incidents.insert(a.incident())
        for entry in told:
            tx.incidents.tell(entry)

    store.write(tell)
    assert store.read(lambda tx: tx.incidents.timeline(incident_id)) == told


# --- decisions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [MINUTE, timedelta(0), -6 * 60 * MINUTE], ids=["later", "at once", "clock set back"])
def test_decisions_come_oldest_first_and_a_repeated_insert_is_ignored(
    store: SqlStore, a: Records, later: timedelta
) -> None:
    older, newer = a.decision("dec-1"), a.decision("dec-0", at=a.at + later)

    def insert(tx: Tx) -> None:
        tx.incidents.insert(a.incident())
        for decision in (older, newer, older):
            tx.decisions.insert(decision)

    store.write(insert)
    assert store.read(lambda tx: tx.decisions.of_incident(IncidentId("inc-1"))) == (older, newer)


def test_a_decision_on_an_unknown_incident_is_refused(store: SqlStore, a: Records) -> None:
    with pytest.raises(NotFoundError, match="dec-1 on incident inc-9"):
        store.write(lambda tx: tx.decisions.insert(a.decision(incident="inc-9")))


# --- runs ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(store: SqlStore, a: Records) -> SqlStore:
    """A store in which run-1 of inc-1 is under way."""

    def begin(tx: Tx) -> None:
        tx.incidents.insert(a.incident())
        tx.runs.insert(a.run())

    store.write(begin)
    return store


def test_a_run_is_saved_until_it_has_ended(running: SqlStore, a: Records) -> None:
    verifying = a.run(state=RunState.VERIFYING, acted_at=a.at)
    running.write(lambda tx: tx.runs.save(verifying))
    assert running.read(lambda tx: tx.runs.unfinished_of(IncidentId("inc-1"))) == verifying

    ended = replace(verifying, state=RunState.SUCCEEDED, ended_at=a.at + MINUTE)
    running.write(lambda tx: tx.runs.save(ended))
    assert running.read(lambda tx: tx.runs.unfinished_of(IncidentId("inc-1"))) is None
    with pytest.raises(ConflictError, match=r"ended at .* as succeeded; it cannot become failed"):
        running.write(lambda tx: tx.runs.save(replace(ended, state=RunState.FAILED)))
    assert running.read(lambda tx: tx.runs.get(ended.id)) == ended


def test_runs_of_an_incident_come_oldest_first(running: SqlStore, a: Records) -> None:
    later = a.run("run-0", started_at=a.at + MINUTE)
    running.write(lambda tx: tx.runs.insert(later))
    assert running.read(lambda tx: tx.runs.of_incident(IncidentId("inc-1"))) == (a.run(), later)


def test_a_run_inserted_twice_is_a_conflict_and_an_unknown_one_not_found(running: SqlStore, a: Records) -> None:
    with pytest.raises(ConflictError, match="run-1 is stored already"):
        running.write(lambda tx: tx.runs.insert(a.run()))
    with pytest.raises(NotFoundError, match="no run run-9"):
        running.write(lambda tx: tx.runs.save(a.run("run-9")))


def test_the_second_intent_with_one_key_gets_the_first_back(running: SqlStore, a: Records) -> None:
    first = a.intent()
    assert running.write(lambda tx: tx.runs.insert_intent(first)) is None
    again = replace(first, intent_at=a.at + MINUTE)
    assert running.write(lambda tx: tx.runs.insert_intent(again)) == first

    done = Outcome(status=OutcomeStatus.SUCCEEDED, statement="restarted", at=a.at + MINUTE)
    running.write(lambda tx: tx.runs.record_outcome(first.key, done))
    assert running.write(lambda tx: tx.runs.insert_intent(again)) == replace(first, outcome=done)


def test_an_outcome_is_recorded_once(running: SqlStore, a: Records) -> None:
    intent = a.intent()
    done = Outcome(status=OutcomeStatus.SUCCEEDED, statement="restarted", at=a.at)
    failed = Outcome(status=OutcomeStatus.FAILED, statement="no", at=a.at)
    running.write(lambda tx: tx.runs.insert_intent(intent))
    running.write(lambda tx: tx.runs.record_outcome(intent.key, done))
    with pytest.raises(ConflictError, match="has the outcome succeeded"):
        running.write(lambda tx: tx.runs.record_outcome(intent.key, failed))
    assert running.read(lambda tx: tx.runs.actions_of(RunId("run-1"))) == (replace(intent, outcome=done),)


def test_an_outcome_without_an_intent_and_an_intent_with_an_outcome_are_refused(running: SqlStore, a: Records) -> None:
    done = Outcome(status=OutcomeStatus.SUCCEEDED, statement="restarted", at=a.at)
    with pytest.raises(NotFoundError, match="no intent run-1:7"):
        running.write(lambda tx: tx.runs.record_outcome("run-1:7", done))
    with pytest.raises(PermanentError, match="comes with an outcome"):
        running.write(lambda tx: tx.runs.insert_intent(replace(a.intent(), outcome=done)))


def test_actions_of_a_run_come_in_the_order_of_its_steps(running: SqlStore, a: Records) -> None:
    third, first = a.intent("run-1:3", step=3), a.intent("run-1:1", step=1)
    running.write(lambda tx: tx.runs.insert_intent(third))
    running.write(lambda tx: tx.runs.insert_intent(first))
    assert running.read(lambda tx: tx.runs.actions_of(RunId("run-1"))) == (first, third)


# --- approvals ----------------------------------------------------------------------------------------------------


def test_an_approval_is_settled_once_and_the_second_answer_learns_of_the_first(store: SqlStore, a: Records) -> None:
    asked = a.approval()

    def ask(tx: Tx) -> None:
        tx.incidents.insert(a.incident())
        tx.approvals.insert(asked)

    store.write(ask)
    assert store.read(lambda tx: tx.approvals.pending()) == (asked,)

    settled = store.write(
        lambda tx: tx.approvals.settle(asked.id, ApprovalState.APPROVED, by="ada", at=a.at + MINUTE, note="go")
    )
    assert (settled.state, settled.decided_by, settled.note) == (ApprovalState.APPROVED, "ada", "go")
    with pytest.raises(ConflictError, match="approved by ada"):
        store.write(lambda tx: tx.approvals.settle(asked.id, ApprovalState.DENIED, by="bob", at=a.at + MINUTE))
    assert store.read(lambda tx: tx.approvals.get(asked.id)) == settled
    assert store.read(lambda tx: tx.approvals.pending()) == ()


@pytest.mark.parametrize("later", [MINUTE, timedelta(0), -6 * 60 * MINUTE], ids=["later", "at once", "clock set back"])
def test_the_newest_approval_of_an_incident_counts(store: SqlStore, a: Records, later: timedelta) -> None:
    newest = a.approval("apr-0", requested_at=a.at + later)

    def ask(tx: Tx) -> None:
        tx.incidents.insert(a.incident())
        tx.approvals.insert(a.approval("apr-1"))
        tx.approvals.insert(newest)

    store.write(ask)
    assert store.read(lambda tx: tx.approvals.newest_of(IncidentId("inc-1"))) == newest
    assert store.read(lambda tx: tx.approvals.ending("pr-0", limit=10)) == (newest,)
    assert store.read(lambda tx: tx.approvals.newest_of(IncidentId("inc-2"))) is None
    with pytest.raises(NotFoundError, match="no approval apr-9"):
        store.read(lambda tx: tx.approvals.get(ApprovalId("apr-9")))
    with pytest.raises(ConflictError, match="apr-1 is stored already"):
        store.write(lambda tx: tx.approvals.insert(a.approval("apr-1")))


# --- waits --------------------------------------------------------------------------------------------------------


@pytest.fixture
def parked(store: SqlStore, a: Records) -> Wait:
    wait = Wait(incident_id=IncidentId("inc-1"), kind=WaitKind.HOLD, due_at=a.at + 5 * MINUTE, since=a.at)

    def park(tx: Tx) -> None:
        tx.incidents.insert(a.incident())
        tx.waits.park(wait)

    store.write(park)
    return wait


def test_a_wait_is_due_from_its_time_on(store: SqlStore, parked: Wait) -> None:
    just_before = parked.due_at - timedelta(microseconds=1)
    assert store.read(lambda tx: tx.waits.due(just_before)) == ()
    assert store.read(lambda tx: tx.waits.due(parked.due_at)) == (parked,)


def test_all_waits_are_listed_by_when_they_are_due(store: SqlStore, parked: Wait, a: Records) -> None:
    sooner = replace(parked, incident_id=IncidentId("inc-2"), due_at=a.at)

    def park(tx: Tx) -> None:
        tx.incidents.insert(a.incident("inc-2"))
        tx.waits.park(sooner)

    store.write(park)
    assert store.read(lambda tx: tx.waits.listed()) == (sooner, parked)


def test_the_waits_of_some_incidents(store: SqlStore, parked: Wait, a: Records) -> None:
    other = a.incident("inc-2")
    store.write(lambda tx: tx.incidents.insert(other))
    waiting = replace(parked, incident_id=other.id)
    store.write(lambda tx: tx.waits.park(waiting))

    found = store.read(lambda tx: tx.waits.of_incidents([other.id, IncidentId("inc-3")]))
    assert found == (waiting,)
    assert store.read(lambda tx: tx.waits.of_incidents(())) == ()


def test_a_newer_wait_replaces_the_older_one(store: SqlStore, parked: Wait) -> None:
    newer = replace(parked, kind=WaitKind.APPROVAL, due_at=parked.due_at + MINUTE)
    store.write(lambda tx: tx.waits.park(newer))
    assert store.read(lambda tx: tx.waits.of_incident(parked.incident_id)) == newer


def test_a_signal_brings_a_wait_forward_but_never_back(store: SqlStore, parked: Wait, a: Records) -> None:
    assert store.write(lambda tx: tx.waits.make_due(parked.incident_id, at=a.at)) is True
    sooner = replace(parked, due_at=a.at)
    assert store.read(lambda tx: tx.waits.due(a.at)) == (sooner,)

    assert store.write(lambda tx: tx.waits.make_due(parked.incident_id, at=a.at + MINUTE)) is True
    assert store.read(lambda tx: tx.waits.of_incident(parked.incident_id)) == sooner
    assert store.write(lambda tx: tx.waits.make_due(IncidentId("inc-2"), at=a.at)) is False


def test_exactly_one_of_two_takers_gets_the_wait(store: SqlStore, parked: Wait) -> None:
    assert store.write(lambda tx: tx.waits.take(parked.incident_id)) is True
    assert store.write(lambda tx: tx.waits.take(parked.incident_id)) is False
    assert store.read(lambda tx: tx.waits.of_incident(parked.incident_id)) is None


# --- outbox -------------------------------------------------------------------------------------------------------


def test_a_notification_is_due_once_in_each_channel_until_it_is_sent(store: SqlStore, a: Records) -> None:
    notification = a.notification()
    store.write(lambda tx: tx.outbox.post(notification, channels=("slack", "console")))
    store.write(lambda tx: tx.outbox.post(notification, channels=("slack",)))
    due = store.read(lambda tx: tx.outbox.due(a.at, limit=10))
    assert [(delivery.channel, delivery.state, delivery.attempts) for delivery in due] == [
        ("slack", DeliveryState.PENDING, 0),
        ("console", DeliveryState.PENDING, 0),
    ]
    assert due[0].notification == notification

    sent = replace(due[0], state=DeliveryState.SENT, attempts=1)
    later = replace(due[1], attempts=1, next_at=a.at + MINUTE, tried_at=a.at, last_error="503")
    store.write(lambda tx: tx.outbox.save(sent))
    store.write(lambda tx: tx.outbox.save(later))
    assert store.read(lambda tx: tx.outbox.due(a.at, limit=10)) == ()
    assert store.read(lambda tx: tx.outbox.due(a.at + MINUTE, limit=10)) == (later,)
    assert store.read(lambda tx: tx.outbox.of_incident(IncidentId("inc-1"))) == (sent, later)


def due_ids(store: SqlStore, now: datetime, *, limit: int = 10, only: str | None = None) -> list[str]:
    due = store.read(lambda tx: tx.outbox.due(now, limit=limit, only=only))
    return [one.notification.id for one in due]


def posted(store: SqlStore, *notifications: Notification, channels: tuple[str, ...] = ("slack",)) -> None:
    def post(tx: Tx) -> None:
        for one in notifications:
            tx.outbox.post(one, channels=channels)

    store.write(post)


def test_what_asks_for_a_person_goes_first_and_never_before_the_story_of_its_own_incident(
    store: SqlStore, a: Records
) -> None:
    posted(
        store,
        a.notification("opened-1", "inc-1"),
        a.notification("opened-2", "inc-2"),
        a.notification("started-2", "inc-2", event="run.started"),
        a.notification("opened-3", "inc-3", severity=Severity.CRITICAL),
        a.notification("asked-2", "inc-2", event="approval.requested"),
        a.notification("stopped", None, event="stop.engaged"),
        a.notification("resolved-2", "inc-2", event="incident.resolved"),
        a.notification("escalated-3", "inc-3", event="incident.escalated", severity=Severity.CRITICAL),
        channels=("slack", "console"),
    )
    in_turn = ["opened-3", "escalated-3", "opened-2", "started-2", "asked-2", "stopped", "opened-1", "resolved-2"]
    for limit in range(1, 11):
        assert due_ids(store, a.at, limit=limit, only="slack") == in_turn[:limit]


def test_a_channel_pauses_until_the_next_attempt_and_goes_on_with_the_same_one(store: SqlStore, a: Records) -> None:
    posted(store, a.notification("first"), a.notification("second"), channels=("slack", "console"))
    first = store.read(lambda tx: tx.outbox.due(a.at, limit=1, only="slack"))[0]

    tried = replace(first, attempts=1, next_at=a.at + MINUTE, tried_at=a.at, last_error="429")
    store.write(lambda tx: tx.outbox.save(tried))
    posted(store, a.notification("urgent", None, event="stop.engaged"))

    just_before = a.at + MINUTE - timedelta(seconds=1)
    assert due_ids(store, just_before, only="slack") == []
    assert due_ids(store, just_before) == ["first", "second"], "the console's"
    assert [one.last_error for one in store.read(lambda tx: tx.outbox.pausing(just_before, only="slack"))] == ["429"]
    assert store.read(lambda tx: tx.outbox.waiting("slack")) == 3
    assert due_ids(store, a.at + MINUTE, only="slack") == ["urgent", "first", "second"]


def test_a_pause_from_before_the_clock_was_set_back_holds_up_nobody(store: SqlStore, a: Records) -> None:
    posted(store, a.notification("first"))
    (first,) = store.read(lambda tx: tx.outbox.due(a.at, limit=1))
    store.write(lambda tx: tx.outbox.save(replace(first, attempts=1, next_at=a.at + MINUTE, tried_at=a.at)))
    for back in (timedelta(minutes=50), timedelta(days=1)):
        assert due_ids(store, a.at - back) == ["first"]


def test_saving_a_delivery_that_was_never_posted_is_not_found(store: SqlStore, a: Records) -> None:
    store.write(lambda tx: tx.outbox.post(a.notification(), channels=("slack",)))
    (delivery,) = store.read(lambda tx: tx.outbox.due(a.at, limit=1))
    with pytest.raises(NotFoundError, match='never posted to "email"'):
        store.write(lambda tx: tx.outbox.save(replace(delivery, channel="email")))

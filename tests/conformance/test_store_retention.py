"""What is over and old goes, with all that belongs to it; what is not over, or not old, stays. On both databases."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
import sqlalchemy as sa

from recoverops.api.telemetry import Metrics
from recoverops.app.pruning import PruneWorker
from recoverops.model import (
    AlertStatus,
    DeliveryState,
    Hypothesis,
    IncidentKind,
    IncidentState,
    NotFoundError,
    Outcome,
    OutcomeStatus,
    TimelineEntry,
)
from recoverops.storage import RetentionSettings
from recoverops.storage.retention import BATCH
from recoverops.storage.schema import metadata

if TYPE_CHECKING:
    from tests.conftest import ManualClock, Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore

DAY = timedelta(days=1)
KEPT = RetentionSettings(incidents=90 * DAY, alerts=7 * DAY, deliveries=30 * DAY)
OF_INCIDENTS = (
    "incident",
    "hypothesis",
    "timeline_entry",
    "decision",
    "run",
    "action_record",
    "approval",
    "delivery",
)


def rows(store: SqlStore) -> dict[str, int]:
    with store.write_engine.connect() as connection:
        return {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


def prune(store: SqlStore) -> Counter[str]:
    """Batch after batch until nothing is left to remove."""
    gone: Counter[str] = Counter()
    while batch := store.prune(KEPT):
        gone += Counter(batch)
    return gone


def whole_story(tx: Tx, a: Records, name: str, *, state: IncidentState, lines: int = 3) -> None:
    """An incident with a row in every table that belongs to it."""
    resolved_at = a.at if state is IncidentState.RESOLVED else None
    incident = a.incident(name, state=state, resolved_at=resolved_at)
    tx.incidents.insert(incident)
    best = Hypothesis(cause=IncidentKind.SERVICE_DOWN, resource=a.service(), confidence=0.8, evidence=())
    tx.incidents.set_hypotheses(incident.id, (best,))
    for number in range(lines):
        line = TimelineEntry(incident_id=incident.id, at=a.at, event="anomaly", actor="recoverops", text=str(number))
        tx.incidents.tell(line)
    tx.decisions.insert(a.decision(f"dec-{name}", name))
    tx.runs.insert(a.run(f"run-{name}", name, ended_at=a.at))
    tx.runs.insert_intent(a.intent(f"run-{name}:1", f"run-{name}"))
    tx.runs.record_outcome(f"run-{name}:1", Outcome(status=OutcomeStatus.SUCCEEDED, statement="done", at=a.at))
    tx.approvals.insert(a.approval(f"apr-{name}", name))
    tx.outbox.post(a.notification(f"ntf-{name}", name), channels=("console",))
    tx.audit.append(at=a.at, actor="recoverops", event="incident.opened", subject=name, detail={})


def test_a_resolved_incident_goes_with_everything_that_belongs_to_it_and_the_audit_log_stays_whole(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    def fill(tx: Tx) -> None:
        whole_story(tx, a, "inc-old", state=IncidentState.RESOLVED)
        whole_story(tx, a, "inc-open", state=IncidentState.ESCALATED)

    store.write(fill)
    clock.advance(90 * DAY)
    assert prune(store).get("incidents", 0) == 0, "it is not older than that yet"

    clock.advance(timedelta(seconds=1))
    gone = prune(store)

    assert gone["incidents"] == 1
    left = rows(store)
    assert {name: left[name] for name in OF_INCIDENTS if name != "timeline_entry"} == dict.fromkeys(
        (name for name in OF_INCIDENTS if name != "timeline_entry"), 1
    )
    assert (left["timeline_entry"], left["audit_entry"]) == (3, 2)
    assert store.read(lambda tx: tx.audit.verify()).broken_at is None
    with pytest.raises(NotFoundError):
        store.read(lambda tx: tx.incidents.get(a.incident("inc-old").id))


def test_an_incident_that_was_open_for_long_is_kept_from_its_end_on(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    ended = a.at + 80 * DAY
    store.write(lambda tx: tx.incidents.insert(a.incident(state=IncidentState.RESOLVED, resolved_at=ended)))
    clock.advance(100 * DAY)
    assert prune(store) == {}
    clock.advance(71 * DAY)
    assert prune(store)["incidents"] == 1


def test_incidents_that_were_open_for_long_keep_nothing_behind_them(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    closed_in_one_go = a.at + 80 * DAY

    def fill(tx: Tx) -> None:
        for number in range(BATCH + 20):
            at = a.at + timedelta(seconds=number)
            forgotten = a.incident(f"long-{number}", state=IncidentState.RESOLVED, resolved_at=closed_in_one_go)
            tx.incidents.insert(msgspec.structs.replace(forgotten, opened_at=at))
        for number in range(5):
            at = a.at + DAY + timedelta(seconds=number)
            ended = a.incident(f"short-{number}", state=IncidentState.RESOLVED, resolved_at=at)
            tx.incidents.insert(msgspec.structs.replace(ended, opened_at=at))

    store.write(fill)
    clock.advance(92 * DAY)
    assert prune(store)["incidents"] == 5
    clock.advance(79 * DAY)
    assert prune(store)["incidents"] == BATCH + 20


@pytest.mark.parametrize("part", [timedelta(0), timedelta(microseconds=1), timedelta(milliseconds=999)])
def test_an_incident_goes_right_after_its_time_and_not_before(
    part: timedelta, store: SqlStore, clock: ManualClock, a: Records
) -> None:
    ended = a.at + part
    store.write(lambda tx: tx.incidents.insert(a.incident(state=IncidentState.RESOLVED, resolved_at=ended)))
    clock.advance(ended + 90 * DAY - clock.now())
    assert prune(store) == {}
    clock.advance(timedelta(microseconds=1))
    assert prune(store)["incidents"] == 1


def test_a_long_story_goes_in_several_batches_and_none_of_them_is_large(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    store.write(lambda tx: whole_story(tx, a, "inc-1", state=IncidentState.RESOLVED, lines=3 * BATCH))
    clock.advance(91 * DAY)
    batches = []
    while batch := store.prune(KEPT):
        batches.append(batch)
    assert len(batches) == 4
    assert max(sum(batch.values()) for batch in batches) <= BATCH + len(OF_INCIDENTS)
    assert rows(store)["incident"] == 0


def test_alerts_that_were_taken_go_but_not_the_newest_of_one_that_fires(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    again = a.at + timedelta(minutes=1)
    fires = [a.alert("fires"), a.alert("fires", starts_at=again)]
    ended = [a.alert("ended"), a.alert("ended", status=AlertStatus.RESOLVED)]
    store.admit([*fires, *ended], size=1).result(10)
    taken = store.read(lambda tx: tx.signals.pending(limit=10))
    store.write(lambda tx: tx.signals.mark_processed([one.seq for one in taken], at=a.at))
    store.admit([a.alert("waits")], size=1).result(10)
    before = store.read(lambda tx: tx.signals.current())
    clock.advance(8 * DAY)

    assert prune(store)["alerts"] == 3

    assert store.read(lambda tx: tx.signals.current()) == before
    assert [one.alert.fingerprint for one in before] == ["fires"]
    assert store.read(lambda tx: [one.alert.fingerprint for one in tx.signals.pending(limit=10)]) == ["waits"]


def test_deliveries_go_when_they_were_sent_or_given_up(store: SqlStore, clock: ManualClock, a: Records) -> None:
    def fill(tx: Tx) -> None:
        for state in DeliveryState:
            tx.outbox.post(a.notification(f"ntf-{state}", None), channels=("console",))
        for one in tx.outbox.due(a.at, limit=10):
            state = DeliveryState(one.notification.id.removeprefix("ntf-"))
            tx.outbox.save(msgspec.structs.replace(one, state=state, attempts=1))

    store.write(fill)
    clock.advance(31 * DAY)
    assert prune(store)["deliveries"] == 2
    left = store.read(lambda tx: tx.outbox.due(clock.now(), limit=10))
    assert [one.notification.id for one in left] == ["ntf-pending"]


def test_limits_are_kept_as_long_as_anything_is_counted_over_them(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    def reserve(tx: Tx) -> None:
        tx.limits.reserve(run_id=a.run().id, target=a.service(), touches=(), at=a.at)
        tx.limits.release(a.run().id)

    store.write(reserve)
    clock.advance(30 * DAY)
    prune(store)
    assert store.read(lambda tx: tx.limits.usage(a.service(), now=clock.now())).last_on_target == a.at
    clock.advance(2 * DAY)
    assert prune(store)["reservations"] == 1


def test_a_round_is_told_in_one_line_of_the_audit_log(store: SqlStore, clock: ManualClock, a: Records) -> None:
    def fill(tx: Tx) -> None:
        for number in range(30):
            tx.incidents.insert(a.incident(f"inc-{number}", state=IncidentState.RESOLVED, resolved_at=a.at))

    store.write(fill)
    clock.advance(91 * DAY)
    worker = PruneWorker(store, KEPT, clock, Metrics())
    worker.ask_to_stop()  # no pauses: the round is called by hand
    for _ in range(4):
        worker.round()

    (line,) = store.read(lambda tx: tx.audit.entries())
    assert (line.event, dict(line.detail)) == ("retention.pruned", {"incidents": "30"})

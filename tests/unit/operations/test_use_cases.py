"""The use cases below every door: one answer a question, and a stop that needs no database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import ManualClock, Records

from recoverops.model import (
    ApprovalState,
    ConflictError,
    ForbiddenError,
    IncidentState,
    NotFoundError,
    UnreachableError,
    Wait,
    WaitKind,
)
from recoverops.operations import (
    Telling,
    answer,
    clear_stop,
    engage_stop,
    list_approvals,
    list_incidents,
    tell_incident,
)
from recoverops.ports import Tx
from recoverops.storage import SqlStore, StopFile, StorageSettings, open_store

ADA, BOB = "person:ada", "person:bob"


@pytest.fixture
def house(tmp_path: Path, clock: ManualClock, a: Records) -> Iterator[SqlStore]:
    with open_store(StorageSettings(), data_dir=tmp_path / "data", clock=clock) as store:
        store.write(lambda tx: tx.incidents.insert(a.incident()))
        store.write(lambda tx: tx.decisions.insert(a.decision()))
        store.write(lambda tx: tx.approvals.insert(a.approval(requested_by=BOB)))
        wait = Wait(incident_id=a.incident().id, kind=WaitKind.APPROVAL, due_at=a.at + timedelta(hours=1), since=a.at)
        store.write(lambda tx: tx.waits.park(wait))
        yield store


@pytest.fixture
def switch(tmp_path: Path, clock: ManualClock, house: SqlStore) -> StopFile:
    return StopFile(tmp_path / "data" / "EMERGENCY_STOP", clock=clock)


def events(store: SqlStore) -> list[tuple[str, str]]:
    return store.read(lambda tx: [(one.actor, one.event) for one in tx.audit.entries()])


@pytest.mark.parametrize("approve", [True, False])
def test_an_answer_is_told_audited_and_makes_the_response_due(
    house: SqlStore, clock: ManualClock, a: Records, approve: bool
) -> None:
    settled = answer(house, clock, "apr-1", approve=approve, by=ADA, note="seen")

    state = ApprovalState.APPROVED if approve else ApprovalState.DENIED
    assert (settled.state, settled.decided_by, settled.decided_at) == (state, ADA, clock.now())
    assert (ADA, f"approval.{state}") in events(house)
    assert tell_incident(house, "inc-1").timeline[-1].text == f"{ADA} {state} it: restart checkout (seen)"
    assert house.read(lambda tx: tx.waits.due(clock.now()))[0].incident_id == a.incident().id
    assert list_approvals(house) == ()


def test_only_the_first_answer_counts(house: SqlStore, clock: ManualClock) -> None:
    answer(house, clock, "apr-1", approve=False, by=ADA)
    before = events(house)

    with pytest.raises(ConflictError, match=f"denied by {ADA}"):
        answer(house, clock, "apr-1", approve=True, by="person:eve")

    assert events(house) == before


def test_who_asked_cannot_answer(house: SqlStore, clock: ManualClock) -> None:
    with pytest.raises(ForbiddenError, match="another person has to"):
        answer(house, clock, "apr-1", approve=True, by=BOB)

    assert list_approvals(house)[0].state is ApprovalState.PENDING


@pytest.mark.parametrize(("late", "is_taken"), [(timedelta(microseconds=-1), True), (timedelta(0), False)])
def test_a_question_is_open_until_its_end_to_the_microsecond(
    house: SqlStore, clock: ManualClock, late: timedelta, is_taken: bool
) -> None:
    clock.advance(timedelta(hours=1) + late)

    if is_taken:
        assert answer(house, clock, "apr-1", approve=True, by=ADA).state is ApprovalState.APPROVED
    else:
        with pytest.raises(ConflictError, match="expired at"):
            answer(house, clock, "apr-1", approve=True, by=ADA)


def test_a_question_that_does_not_exist_is_not_found(house: SqlStore, clock: ManualClock) -> None:
    with pytest.raises(NotFoundError, match="apr-9"):
        answer(house, clock, "apr-9", approve=True, by=ADA)


def test_engaging_the_stop_is_audited_and_told(house: SqlStore, switch: StopFile, clock: ManualClock) -> None:
    stopped = engage_stop(switch, lambda: Telling(store=house, channels=("console",)), clock, reason="drill", by=ADA)

    assert (stopped.audited, switch.read().stopped) == (True, True)
    assert events(house)[-1] == (ADA, "stop.engaged")
    (told,) = house.read(lambda tx: tx.outbox.due(clock.now(), limit=10))
    assert told.notification.event == "stop.engaged"


def test_engaging_the_stop_needs_no_database(switch: StopFile, clock: ManualClock) -> None:
    def away() -> Telling:
        raise UnreachableError("the database does not answer")

    stopped = engage_stop(switch, away, clock, reason="drill", by=ADA)

    assert switch.read().stopped
    assert (stopped.audited, stopped.why_not) == (False, "the database does not answer")


def test_without_an_audit_line_the_stop_is_not_cleared(
    house: SqlStore, switch: StopFile, clock: ManualClock, tmp_path: Path
) -> None:
    switch.engage(reason="drill", by=ADA)
    house.close()
    (tmp_path / "data" / "recoverops.sqlite").unlink()
    (tmp_path / "data" / "recoverops.sqlite").mkdir()

    with pytest.raises(UnreachableError):
        clear_stop(switch, house, clock, by=ADA)

    assert switch.read().stopped
    (tmp_path / "data" / "recoverops.sqlite").rmdir()


def test_clearing_the_stop_says_what_was_cleared(house: SqlStore, switch: StopFile, clock: ManualClock) -> None:
    switch.engage(reason="drill", by=ADA)

    cleared = clear_stop(switch, house, clock, by=BOB)

    assert (cleared.reason, switch.read().stopped) == ("drill", False)
    assert events(house)[-1] == (BOB, "stop.cleared")


def test_where_nothing_is_stopped_nothing_is_cleared_and_nobody_is_told(
    house: SqlStore, switch: StopFile, clock: ManualClock
) -> None:
    before = events(house)

    assert not clear_stop(switch, house, clock, by=BOB, channels=("console",)).stopped

    assert events(house) == before
    assert house.read(lambda tx: tx.outbox.due(clock.now(), limit=10)) == ()


def test_the_end_of_an_id_is_enough_for_an_answer_where_only_one_ends_so(
    house: SqlStore, clock: ManualClock, a: Records
) -> None:
    def ask(tx: Tx) -> None:
        for name in ("apr-20260301-120000-84cfeb", "apr-20260301-120001-84cfeb", "apr-20260301-120000-11cfeb"):
            tx.approvals.insert(a.approval(name, requested_by=BOB))

    house.write(ask)

    with pytest.raises(NotFoundError, match=r'"84cfeb" is not .*: apr-20260301-120001-84cfeb, apr-\S+-84cfeb; give'):
        answer(house, clock, "84cfeb", approve=True, by=ADA)
    with pytest.raises(NotFoundError, match="no approval feb"):
        answer(house, clock, "feb", approve=True, by=ADA)

    assert answer(house, clock, "11cfeb", approve=True, by=ADA).id == "apr-20260301-120000-11cfeb"
    with pytest.raises(ConflictError, match=f"approved by {ADA}"):
        answer(house, clock, "11cfeb", approve=True, by=ADA)


def many(store: SqlStore, a: Records, count: int) -> None:
    def fill(tx: Tx) -> None:
        for number in range(count):
            opened_at = a.at - timedelta(minutes=count - number)
            tx.incidents.insert(a.incident(f"inc-0-{number:06x}", state=IncidentState.RESOLVED, opened_at=opened_at))

    store.write(fill)


def test_an_incident_older_than_a_thousand_others_is_found_by_the_end_of_its_id(house: SqlStore, a: Records) -> None:
    many(house, a, 1100)
    assert tell_incident(house, "000000").incident.id == "inc-0-000000"


def test_incidents_are_listed_page_by_page_to_the_very_first(house: SqlStore, a: Records) -> None:
    many(house, a, 7)
    found, page = list[str](), list_incidents(house, limit=3)
    while True:
        found += [one.id for one in page.incidents]
        if page.next is None:
            break
        page = list_incidents(house, limit=3, before=page.next)
    assert found[0] == "inc-1"
    assert found[-7:] == [f"inc-0-{number:06x}" for number in reversed(range(7))]
    assert len(found) == len(set(found))

    resolved = list_incidents(house, states=(IncidentState.RESOLVED,), limit=7, before="000005")
    assert [one.id for one in resolved.incidents] == [f"inc-0-{number:06x}" for number in reversed(range(5))]
    assert resolved.next is None
    with pytest.raises(NotFoundError, match="no incident nowhere"):
        list_incidents(house, before="nowhere")


def test_several_incidents_that_end_so_are_named(house: SqlStore, a: Records) -> None:
    house.write(lambda tx: tx.incidents.insert(a.incident("inc-1-a3f9c1")))
    house.write(lambda tx: tx.incidents.insert(a.incident("inc-2-a3f9c1")))
    with pytest.raises(NotFoundError, match="inc-1-a3f9c1"):
        tell_incident(house, "a3f9c1")


def test_the_story_of_an_incident_carries_everything_that_was_decided(house: SqlStore) -> None:
    story = tell_incident(house, "inc-1")

    assert [one.id for one in story.decisions] == ["dec-1"]
    assert story.approval is not None
    assert story.wait is not None
    assert story.plain()["incident"]["id"] == "inc-1"

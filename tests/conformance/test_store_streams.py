"""Marks, leases, fences, ids of records, counts and events: on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from recoverops.model import ConflictError, Event, EventKind, LogCount, Mark, NotFoundError, Resource, ResourceKind
from recoverops.storage import RetentionSettings

if TYPE_CHECKING:
    from tests.conftest import ManualClock, Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore

LEASE = timedelta(seconds=30)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
CART = Resource(kind=ResourceKind.SERVICE, name="cart")


def claim(store: SqlStore, clock: ManualClock, owner: str = "a", part: str = "shard-1") -> Mark:
    now = clock.now()
    return store.write(lambda tx: tx.streams.claim("stream", part, owner=owner, now=now, until=now + LEASE))


def advance(store: SqlStore, clock: ManualClock, mark: Mark, position: str, *, is_finished: bool = False) -> Mark:
    until = clock.now() + LEASE
    return store.write(lambda tx: tx.streams.advance(mark, position=position, is_finished=is_finished, until=until))


def event(ident: str, a: Records, **changes: object) -> Event:
    fields: dict[str, object] = {
        "source": "trail",
        "id": ident,
        "at": a.at,
        "kind": EventKind.DEPLOYMENT,
        "summary": f"{ident} was deployed",
        "resources": (CHECKOUT,),
    }
    return Event(**fields | changes)  # type: ignore[arg-type]


# --- marks and leases ---------------------------------------------------------------------------------------------


def test_a_part_that_nobody_knew_is_claimed_from_its_beginning(store: SqlStore, clock: ManualClock) -> None:
    mark = claim(store, clock)
    assert (mark.position, mark.fence, mark.owner, mark.until) == ("", 1, "a", clock.now() + LEASE)
    assert store.read(lambda tx: tx.streams.marks("stream")) == (mark,)
    assert store.read(lambda tx: tx.streams.marks("another")) == ()


def test_a_held_part_is_not_taken_before_its_lease_ends_and_then_from_where_it_was_left(
    store: SqlStore, clock: ManualClock
) -> None:
    advance(store, clock, claim(store, clock), "7")
    clock.advance(LEASE - timedelta(seconds=1))
    with pytest.raises(ConflictError, match=r"shard-1 of stream is held by another engine"):
        claim(store, clock, "b")
    clock.advance(timedelta(seconds=1))
    taken = claim(store, clock, "b")
    assert (taken.position, taken.fence, taken.owner) == ("7", 2, "b")


def test_the_same_owner_takes_its_part_again_at_once_with_a_new_fence(store: SqlStore, clock: ManualClock) -> None:
    before = claim(store, clock)
    assert claim(store, clock).fence == before.fence + 1


def test_a_commit_under_a_stale_fence_is_refused_with_everything_in_its_transaction(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    stale = claim(store, clock)
    clock.advance(LEASE)
    claim(store, clock, "b")

    def commit(tx: Tx) -> None:
        tx.events.add([event("e1", a)], at=clock.now())
        tx.streams.advance(stale, position="9", is_finished=False, until=clock.now() + LEASE)

    with pytest.raises(ConflictError, match="was taken by another engine"):
        store.write(commit)
    assert store.read(lambda tx: tx.events.listed()) == ()
    assert store.read(lambda tx: tx.streams.marks("stream"))[0].position == ""


def test_a_mark_moves_from_the_expected_position_only(store: SqlStore, clock: ManualClock) -> None:
    mark = claim(store, clock)
    moved = advance(store, clock, mark, "1")
    with pytest.raises(ConflictError):
        advance(store, clock, mark, "1")
    assert advance(store, clock, moved, "2").position == "2"


def test_what_is_released_is_free_at_once_and_a_stale_release_changes_nothing(
    store: SqlStore, clock: ManualClock
) -> None:
    first = claim(store, clock)
    store.write(lambda tx: tx.streams.release(first))
    second = claim(store, clock, "b")
    store.write(lambda tx: tx.streams.release(first))
    with pytest.raises(ConflictError):
        claim(store, clock, "c")
    assert second.owner == "b"


def test_only_finished_marks_are_forgotten(store: SqlStore, clock: ManualClock) -> None:
    advance(store, clock, claim(store, clock, part="old"), "9", is_finished=True)
    claim(store, clock, part="young")
    store.write(lambda tx: tx.streams.forget("stream", ("old", "young")))
    assert [one.part for one in store.read(lambda tx: tx.streams.marks("stream"))] == ["young"]


def test_two_that_claim_at_once_are_one_owner_and_one_conflict(store: SqlStore, clock: ManualClock) -> None:
    begin, found = threading.Barrier(2), list[str]()

    def try_it(owner: str) -> None:
        begin.wait(10)
        try:
            found.append(claim(store, clock, owner).owner)
        except ConflictError:
            found.append("conflict")

    threads = [threading.Thread(target=try_it, args=(owner,)) for owner in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(found) in (["a", "conflict"], ["b", "conflict"])


def test_readers_are_known_as_long_as_they_said(store: SqlStore, clock: ManualClock) -> None:
    def attend(owner: str) -> None:
        now = clock.now()
        store.write(lambda tx: tx.streams.attend("stream", owner, now=now, until=now + LEASE))

    attend("b")
    clock.advance(LEASE / 2)
    attend("a")
    assert store.read(lambda tx: tx.streams.readers("stream", now=clock.now())) == ("a", "b")
    clock.advance(LEASE / 2)
    assert store.read(lambda tx: tx.streams.readers("stream", now=clock.now())) == ("a",)


# --- records and counts -------------------------------------------------------------------------------------------


def test_an_id_is_new_once_for_each_source(store: SqlStore, clock: ManualClock) -> None:
    def new(source: str, *ids: str) -> frozenset[str]:
        return store.write(lambda tx: tx.streams.new_among(source, ids, at=clock.now()))

    assert new("s", "1", "2") == {"1", "2"}
    assert new("s", "2", "3") == {"3"}
    assert new("t", "2") == {"2"}


def test_many_ids_at_once_are_told_apart(store: SqlStore, clock: ManualClock) -> None:
    first, second = [f"id-{n}" for n in range(7000)], [f"id-{n}" for n in range(6000, 13000)]
    assert len(store.write(lambda tx: tx.streams.new_among("s", first, at=clock.now()))) == 7000
    new = store.write(lambda tx: tx.streams.new_among("s", second, at=clock.now()))
    assert new == {f"id-{n}" for n in range(7000, 13000)}


def test_an_id_of_a_transaction_that_fails_stays_new(store: SqlStore, clock: ManualClock) -> None:
    def fail(tx: Tx) -> None:
        tx.streams.new_among("s", ["1"], at=clock.now())
        raise LookupError

    with pytest.raises(LookupError):
        store.write(fail)
    assert store.write(lambda tx: tx.streams.new_among("s", ["1"], at=clock.now())) == {"1"}


def test_counts_of_one_minute_add_up(store: SqlStore, a: Records) -> None:
    minute = a.at

    def add(records: int, what: str = "severity:error") -> None:
        one = LogCount(resource="service:checkout", what=what, minute=minute, records=records)
        store.write(lambda tx: tx.streams.add_counts("s", [one]))

    add(2)
    add(3)
    add(1, "log.port_in_use")
    found = store.read(lambda tx: tx.streams.counts("s", since=minute))
    assert [(one.what, one.records) for one in found] == [("log.port_in_use", 1), ("severity:error", 5)]
    assert store.read(lambda tx: tx.streams.counts("s", since=minute + timedelta(minutes=1))) == ()


# --- events -------------------------------------------------------------------------------------------------------


def test_an_event_is_stored_once_and_comes_back_as_it_was(store: SqlStore, clock: ManualClock, a: Records) -> None:
    one = event("e1", a, actor="alice", attributes={"cloud.region": "eu-central-1"}, resources=(CHECKOUT, CART))
    assert store.write(lambda tx: tx.events.add([one, one], at=clock.now())) == 1
    assert store.write(lambda tx: tx.events.add([one, event("e1", a, source="other")], at=clock.now())) == 1
    stored = store.read(lambda tx: tx.events.listed())
    assert {(found.event.source, found.event.id) for found in stored} == {("trail", "e1"), ("other", "e1")}
    assert one in [found.event for found in stored]


def test_events_are_found_by_resource_kind_and_time_newest_first(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    minute = timedelta(minutes=1)
    given = [event(f"e{n}", a, at=a.at + n * minute, resources=(CART,) if n == 2 else (CHECKOUT,)) for n in range(4)]
    given.append(event("s", a, kind=EventKind.SCALING, at=a.at + 10 * minute))
    store.write(lambda tx: tx.events.add(given, at=clock.now()))

    def found(**asked: object) -> list[str]:
        return [one.event.id for one in store.read(lambda tx: tx.events.listed(**asked))]  # type: ignore[arg-type]

    assert found() == ["s", "e3", "e2", "e1", "e0"]
    assert found(resource=CART) == ["e2"]
    assert found(kinds=[EventKind.SCALING]) == ["s"]
    assert found(resource=CHECKOUT, since=a.at + minute, until=a.at + 3 * minute) == ["e3", "e1"]


def test_events_are_read_page_by_page_also_those_of_one_moment(store: SqlStore, clock: ManualClock, a: Records) -> None:
    store.write(lambda tx: tx.events.add([event(f"e{n}", a) for n in range(5)], at=clock.now()))
    page = store.read(lambda tx: tx.events.listed(limit=2))
    seen = [one.event.id for one in page]
    while page:
        page = store.read(partial(lambda tx, before: tx.events.listed(limit=2, before=before), before=page[-1].seq))
        seen += [one.event.id for one in page]
    assert sorted(seen) == [f"e{n}" for n in range(5)]
    with pytest.raises(NotFoundError, match="event 999"):
        store.read(lambda tx: tx.events.listed(before=999))


# --- retention ----------------------------------------------------------------------------------------------------


def test_events_counts_and_ids_go_after_their_time(store: SqlStore, clock: ManualClock, a: Records) -> None:
    kept = RetentionSettings(events=timedelta(days=2), log_counts=timedelta(hours=2), stream_ids=timedelta(minutes=10))

    def fill(tx: Tx) -> None:
        tx.events.add([event(f"e{n}", a) for n in range(3)], at=a.at)
        tx.streams.new_among("s", [str(n) for n in range(10)], at=a.at)
        tx.streams.add_counts(
            "s", [LogCount(resource="", what=what, minute=a.at, records=1) for what in ("severity:info", "log.x")]
        )

    def pruned() -> dict[str, int]:
        gone: dict[str, int] = {}
        while batch := store.prune(kept):
            gone.update(batch)
        return gone

    store.write(fill)
    clock.advance(timedelta(minutes=10))
    assert pruned() == {}
    clock.advance(timedelta(seconds=1))
    assert pruned() == {"stream_ids": 10}
    clock.advance(timedelta(hours=2))
    assert pruned() == {"log_count_minutes": 2}
    clock.advance(timedelta(days=2))
    assert pruned() == {"events": 3}
    assert store.read(lambda tx: tx.events.listed(resource=CHECKOUT)) == ()

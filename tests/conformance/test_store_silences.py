"""Silences: exactly as long as they were meant, and ended by exactly one person, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from recoverops.model import ConflictError, NotFoundError, Silence, SilenceId

if TYPE_CHECKING:
    from tests.conftest import Records

    from recoverops.storage import SqlStore

MINUTE, TICK = timedelta(minutes=1), timedelta(microseconds=1)
FIRST = SilenceId("sil-1")


def begin(store: SqlStore, at: datetime, name: str = "sil-1", *, minutes: int = 10) -> Silence:
    silence = Silence(
        id=SilenceId(name),
        pattern="service:check*",
        starts_at=at,
        ends_at=at + minutes * MINUTE,
        by="person:ada",
        reason="new kernel",
    )
    store.write(lambda tx: tx.silences.insert(silence))
    return silence


def end(store: SqlStore, at: datetime, by: str = "person:bob") -> Silence:
    return store.write(lambda tx: tx.silences.end(FIRST, by=by, at=at))


def active(store: SqlStore, at: datetime) -> list[str]:
    return [one.id for one in store.read(lambda tx: tx.silences.active(at))]


def test_a_silence_comes_back_as_it_was_stored(store: SqlStore, a: Records) -> None:
    silence = begin(store, a.at)
    assert store.read(lambda tx: tx.silences.get(FIRST)) == silence


def test_an_unknown_silence_is_not_found(store: SqlStore, a: Records) -> None:
    with pytest.raises(NotFoundError, match="no silence sil-1"):
        store.read(lambda tx: tx.silences.get(FIRST))
    with pytest.raises(NotFoundError, match="no silence sil-1"):
        end(store, a.at)


def test_inserting_a_silence_twice_is_a_conflict(store: SqlStore, a: Records) -> None:
    begin(store, a.at)
    with pytest.raises(ConflictError, match="sil-1 is stored already"):
        begin(store, a.at)


@pytest.mark.parametrize(
    ("after", "expected"),
    [(-TICK, []), (timedelta(0), ["sil-1"]), (10 * MINUTE - TICK, ["sil-1"]), (10 * MINUTE, [])],
)
def test_a_silence_is_active_from_its_start_up_to_its_end(
    store: SqlStore, a: Records, after: timedelta, expected: list[str]
) -> None:
    begin(store, a.at)
    assert active(store, a.at + after) == expected


def test_active_ones_come_in_the_order_of_their_start(store: SqlStore, a: Records) -> None:
    begin(store, a.at + MINUTE, "later")
    begin(store, a.at, "sooner")
    assert active(store, a.at + 2 * MINUTE) == ["sooner", "later"]


def test_one_that_was_ended_early_is_active_no_more_and_says_by_whom(store: SqlStore, a: Records) -> None:
    silence = begin(store, a.at)

    ended = end(store, a.at + 3 * MINUTE)

    assert active(store, a.at + 3 * MINUTE) == []
    assert store.read(lambda tx: tx.silences.get(FIRST)) == ended
    assert (ended.ended_by, ended.ended_at, ended.ends_at) == ("person:bob", a.at + 3 * MINUTE, silence.ends_at)
    assert ended.over_at == a.at + 3 * MINUTE


def test_a_second_end_is_a_conflict_that_names_the_first(store: SqlStore, a: Records) -> None:
    begin(store, a.at)
    end(store, a.at + MINUTE, by="person:bob")
    with pytest.raises(ConflictError, match="ended already by person:bob at 2026-03-01 12:01:00 UTC"):
        end(store, a.at + 2 * MINUTE, by="person:eve")
    assert store.read(lambda tx: tx.silences.get(FIRST)).ended_by == "person:bob"


def test_one_whose_time_is_over_cannot_be_ended(store: SqlStore, a: Records) -> None:
    silence = begin(store, a.at)
    with pytest.raises(ConflictError, match="ended already at 2026-03-01 12:10:00 UTC"):
        end(store, silence.ends_at)
    assert store.read(lambda tx: tx.silences.get(FIRST)) == silence


def test_of_many_who_end_it_at_once_exactly_one_does(store: SqlStore, a: Records) -> None:
    begin(store, a.at)
    start = threading.Barrier(8)

    def attempt(number: int) -> bool:
        start.wait(timeout=30)
        try:
            end(store, a.at + MINUTE, by=f"person:{number}")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(attempt, range(8))).count(True) == 1


def test_over_after_are_those_that_had_not_ended_by_then(store: SqlStore, a: Records) -> None:
    begin(store, a.at)
    begin(store, a.at + MINUTE, "planned", minutes=1)
    end(store, a.at + 5 * MINUTE)

    def over_after(minutes: float) -> list[str]:
        return [one.id for one in store.read(lambda tx: tx.silences.over_after(a.at + minutes * MINUTE))]

    assert over_after(0) == ["sil-1", "planned"]
    assert over_after(2) == ["sil-1"]
    assert over_after(5) == []


def test_listed_are_all_of_them_newest_first(store: SqlStore, a: Records) -> None:
    begin(store, a.at)
    begin(store, a.at + MINUTE, "sil-2")
    end(store, a.at + 2 * MINUTE)
    assert [one.id for one in store.read(lambda tx: tx.silences.listed())] == ["sil-2", "sil-1"]
    assert [one.id for one in store.read(lambda tx: tx.silences.listed(limit=1))] == ["sil-2"]

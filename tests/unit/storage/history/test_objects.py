"""The history on an object store: what is sent, what waits, what is fetched, whose it is, and what is removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.storage.history.test_parquet_history import DAY, HOUR, NOON, flushed, values

from recoverops.model import ForbiddenError, OutcomeUnknownError, RecoverOpsError, UnreachableError
from recoverops.storage.history import HistorySettings
from recoverops.storage.history.lease import LASTS, MARGIN, OWNER
from recoverops.storage.history.store import ParquetHistory, open_history, read_history
from recoverops.testing.objects import MemoryObjects
from recoverops.workflows import VirtualClock

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture
def objects(clock: VirtualClock) -> MemoryObjects:
    return MemoryObjects(now=clock.now)


class House:
    """Engines, each with a data directory of its own, and one object store."""

    def __init__(self, folder: Path, objects: MemoryObjects, clock: VirtualClock) -> None:
        self.folder, self.objects, self.clock = folder, objects, clock

    def engine(self, name: str = "one", **settings: object) -> ParquetHistory:
        given = HistorySettings(place=self.objects.url).model_copy(update=settings)
        return open_history(given, self.folder / name, clock=self.clock, objects=self.objects)

    def waiting(self, name: str = "one") -> list[str]:
        return levels(
            str(path.relative_to(self.folder / name)) for path in (self.folder / name).glob("day=*/*.parquet")
        )

    def kept(self) -> list[str]:
        return levels(key for key in self.objects.kept if key.startswith("day="))


def levels(names: object) -> list[str]:
    return sorted(str(name).rpartition("/")[2].split("-")[0] for name in names)  # type: ignore[attr-defined]


@pytest.fixture
def house(tmp_path: Path, objects: MemoryObjects, clock: VirtualClock) -> House:
    return House(tmp_path, objects, clock)


def failing(error: RecoverOpsError, *calls: str) -> Callable[[str, str], None]:
    def before(call: str, key: str) -> None:
        if not calls or call in calls:
            raise error

    return before


def answering(call: str, key: str) -> None:
    """No trouble."""


def test_what_was_kept_is_read_by_an_engine_with_an_empty_data_directory(house: House, clock: VirtualClock) -> None:
    first = house.engine()
    flushed(first, clock, 1.0, 2.0)
    clock.advance(MINUTE)
    flushed(first, clock, 3.0)
    assert (house.waiting(), house.kept()) == ([], ["piece", "piece"])
    first.close()
    second = house.engine("two")
    assert values(second) == values(first) == [1.0, 2.0, 3.0]
    clock.advance(MINUTE)
    flushed(second, clock, 4.0)  # at once: the first one gave it up
    assert second.standing().away == ""
    assert len(house.kept()) == 3


def test_while_the_store_is_away_files_wait_and_nothing_is_lost(house: House, clock: VirtualClock) -> None:
    history = house.engine()
    flushed(history, clock, 1.0)
    house.objects.before = failing(UnreachableError("s3 does not answer"))
    for number in (2.0, 3.0):
        clock.advance(MINUTE)
        flushed(history, clock, number)
    assert "s3 does not answer; 2 files wait in" in history.standing().away
    assert history.standing().problem == ""
    assert values(history) == [1.0, 2.0, 3.0]
    history.prune()
    assert len(house.waiting()) == 2
    clock.advance(MINUTE)
    again = house.engine()  # after a crash, and the store is still away
    flushed(again, clock, 4.0)
    assert len(house.waiting()) == 3
    house.objects.before = answering
    clock.advance(MINUTE)
    again.flush()
    assert (again.standing().away, house.waiting(), len(house.kept())) == ("", [], 4)
    assert values(house.engine("elsewhere")) == [1.0, 2.0, 3.0, 4.0]


def test_a_silent_store_is_not_asked_again_at_once(house: House, clock: VirtualClock) -> None:
    history = house.engine()
    flushed(history, clock, 1.0)
    house.objects.before = failing(UnreachableError("away"))
    clock.advance(6 * MINUTE)
    flushed(history, clock, 2.0)
    asked = len(house.objects.calls)
    flushed(history, clock, 3.0)
    assert len(house.objects.calls) == asked


def test_what_was_never_listed_cannot_be_read_and_that_is_said(house: House, clock: VirtualClock) -> None:
    flushed(house.engine(), clock, 1.0)
    house.objects.before = failing(ForbiddenError("the permission s3:ListBucket is missing"), "list")
    with pytest.raises(UnreachableError, match="memory://bucket/prefix cannot be read: the permission s3:ListBucket"):
        values(house.engine("two"))


def test_what_waits_stays_within_the_bound_and_what_is_lost_is_said(
    house: House, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    history = house.engine(max_bytes=2500)
    house.objects.before = failing(UnreachableError("away"))
    for number in range(5):
        flushed(history, clock, float(number))
        clock.advance(MINUTE)
    assert 0 < len(house.waiting()) < 5
    lost = [one for one in caplog.records if one.message == "history_lost_unsent"]
    assert len(lost) == 5 - len(house.waiting())


def test_pieces_are_put_together_there_and_retention_removes_there(house: House, clock: VirtualClock) -> None:
    history = house.engine(keep=DAY)
    for number in range(3):
        flushed(history, clock, float(number))
        clock.advance(20 * MINUTE)
    clock.advance(HOUR)
    history.prune()
    assert (house.waiting(), house.kept()) == ([], ["hour"])
    flushed(history, clock, 3.0)
    clock.advance(DAY - 2 * HOUR)
    history.prune()
    assert house.kept() == ["day"]
    assert values(house.engine("elsewhere")) == [0.0, 1.0, 2.0, 3.0]
    clock.advance(2 * DAY)
    history.prune()
    assert house.kept() == []
    assert values(house.engine("elsewhere")) == []


def test_nothing_is_removed_before_what_takes_its_place_is_sent(house: House, clock: VirtualClock) -> None:
    history = house.engine()
    for number in range(2):
        flushed(history, clock, float(number))
        clock.advance(MINUTE)
    clock.advance(2 * HOUR)
    history.flush()

    def no_hour(call: str, key: str) -> None:
        if call == "put" and "/hour-" in key:
            raise UnreachableError("away")

    house.objects.before = no_hour
    with pytest.raises(UnreachableError):
        history.prune()
    assert house.kept() == ["piece", "piece"]
    house.objects.before = answering
    clock.advance(MINUTE)
    history.prune()
    history.prune()
    assert house.kept() == ["hour"]
    assert values(house.engine("elsewhere")) == [0.0, 1.0]


def test_copies_stay_within_their_bound_and_what_was_dropped_is_fetched_again(
    house: House, clock: VirtualClock
) -> None:
    history = house.engine(cache_bytes=3000)
    for number in range(6):
        flushed(history, clock, float(number))
        clock.advance(MINUTE)
    copies = list(house.folder.glob("one/cache/day=*/*.parquet"))
    assert 0 < len(copies) < 6
    assert values(history) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert sum(copy.stat().st_size for copy in house.folder.glob("one/cache/day=*/*.parquet")) <= 3000


def test_a_damaged_copy_is_fetched_anew(house: House, clock: VirtualClock) -> None:
    flushed(house.engine(), clock, 1.0)
    (copy,) = house.folder.glob("one/cache/day=*/*.parquet")
    copy.write_bytes(b"garbage")
    again = house.engine()
    assert (values(again), again.standing().damaged) == ([1.0], ())


def test_a_damaged_object_is_set_aside_and_the_others_are_read(house: House, clock: VirtualClock) -> None:
    history = house.engine()
    flushed(history, clock, 1.0)
    (key,) = (one for one in house.objects.kept if one.startswith("day="))
    house.objects.kept[key] = (b"garbage", NOON)
    clock.advance(MINUTE)
    flushed(history, clock, 2.0)
    history.close()
    again = house.engine("two")
    assert values(again) == [2.0]
    assert again.standing().damaged == (f"{house.objects.url}/{key}.damaged",)
    assert (key in house.objects.kept, f"{key}.damaged" in house.objects.kept) == (False, True)


def test_an_object_that_somebody_removed_is_left_out(house: House, clock: VirtualClock) -> None:
    history = house.engine()
    flushed(history, clock, 1.0)
    clock.advance(MINUTE)
    flushed(history, clock, 2.0)
    reader = house.engine("two")
    reader.range([], start=NOON - 9 * DAY, end=NOON - 8 * DAY)
    house.objects.kept.pop(next(one for one in sorted(house.objects.kept) if one.startswith("day=")))
    assert values(reader) == [2.0]


def test_two_engines_do_not_write_in_one_place(house: House, clock: VirtualClock) -> None:
    first, second = house.engine(), house.engine("two")
    flushed(first, clock, 1.0)
    flushed(second, clock, 2.0)
    assert "is the history of another engine (data directory" in second.standing().away
    assert "give each engine a prefix of its own" in second.standing().away
    assert (house.waiting("two"), len(house.kept())) == (["piece"], 1)
    for _ in range(3):  # the first one goes on
        clock.advance(6 * MINUTE)
        flushed(first, clock, 3.0)
        second.flush()
    assert (house.waiting("two"), first.standing().away) == (["piece"], "")
    clock.advance(LASTS + MARGIN)  # and then it is gone
    second.flush()
    assert (house.waiting("two"), second.standing().away) == ([], "")
    flushed(first, clock, 4.0)  # and comes back
    assert "is the history of another engine" in first.standing().away


def test_an_engine_that_was_killed_goes_on_at_once(house: House, clock: VirtualClock) -> None:
    flushed(house.engine(), clock, 1.0)
    again = house.engine()
    clock.advance(MINUTE)
    flushed(again, clock, 2.0)
    assert (again.standing().away, len(house.kept())) == ("", 2)


def test_an_owner_that_nobody_can_read_is_told(house: House, clock: VirtualClock) -> None:
    house.objects.kept[OWNER] = (b"?", NOON)
    history = house.engine()
    flushed(history, clock, 1.0)
    assert "remove it when no other engine writes there" in history.standing().away


def test_a_lost_answer_sends_nothing_twice(house: House, clock: VirtualClock) -> None:
    history = house.engine()
    history.flush()
    house.objects.after = failing(OutcomeUnknownError("no answer; it may have taken effect"))
    flushed(history, clock, 1.0)
    assert (history.standing().away, len(house.kept()), house.waiting()) == ("", 1, [])


def test_what_was_local_until_now_is_sent(house: House, clock: VirtualClock) -> None:
    local = open_history(HistorySettings(), house.folder / "one", clock=clock)
    flushed(local, clock, 1.0)
    local.close()
    house.engine().flush()
    assert values(house.engine("elsewhere")) == [1.0]


def test_a_reader_beside_an_engine_writes_nothing(house: House, clock: VirtualClock, tmp_path: Path) -> None:
    history = house.engine()
    flushed(history, clock, 1.0)
    house.objects.before = failing(UnreachableError("away"), "put")
    clock.advance(MINUTE)
    flushed(history, clock, 2.0)
    house.objects.before = failing(AssertionError("it writes"), "put", "delete")  # type: ignore[arg-type]
    (tmp_path / "copies").mkdir()
    reader = read_history(
        HistorySettings(place=house.objects.url),
        house.folder / "one",
        cache=tmp_path / "copies",
        clock=clock,
        objects=house.objects,
    )
    assert values(reader) == [1.0, 2.0]
    reader.close()

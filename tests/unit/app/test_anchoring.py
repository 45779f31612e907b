"""What is noted about the audit log outside of the store, and what the engine does when the two do not fit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from recoverops.app.anchoring import Anchoring
from recoverops.clock import SystemClock
from recoverops.model import STOP_ENGAGED, STOP_SUBJECT, UnreachableError
from recoverops.storage import AuditAnchor, SqlStore, StopFile, StorageSettings, open_store
from recoverops.workflows import VirtualClock

CHANNELS = ("console",)


class SteppingClock(VirtualClock):
    def set_back(self, by: timedelta) -> None:
        self._now -= by


class Place:
    """One data directory with its store."""

    def __init__(self, directory: Path, store: SqlStore) -> None:
        self.head = directory / "audit.head"
        self.store = store
        self.switch = StopFile(directory / "EMERGENCY_STOP", clock=SystemClock())
        self.clock = SteppingClock(SystemClock().now())
        self.anchoring = Anchoring(store, AuditAnchor(self.head), self.clock, switch=self.switch, channels=CHANNELS)

    def acts(self) -> None:
        now = SystemClock().now()
        self.store.write(lambda tx: tx.audit.append(at=now, actor="engine", event="acted", subject="run-1", detail={}))

    def start(self) -> None:
        self.anchoring.stop_on_another_store()

    def cut(self, after: int) -> None:
        """Somebody who has the database, and not the folder, removes the newest entries."""
        with closing(sqlite3.connect(self.head.with_name("recoverops.sqlite"))) as database, database:
            (guard,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_entry_kept'").fetchone()
            database.execute("DROP TRIGGER audit_entry_kept")
            database.execute("DELETE FROM audit_entry WHERE seq > ?", (after,))
            database.execute(guard)

    @property
    def kept(self) -> list[Path]:
        return list(self.head.parent.glob("audit.head.*"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_store(StorageSettings(busy_timeout_s=0.5), data_dir=tmp_path, clock=SystemClock()) as store:
        yield Place(tmp_path, store)


def test_nothing_that_was_anchored_and_what_still_fits_stop_nothing(place: Place) -> None:
    place.start()
    place.acts()
    place.anchoring.write()
    place.acts()
    place.start()
    assert not place.switch.read().stopped
    assert not place.kept


def test_a_shorter_log_stops_and_the_stop_is_audited_and_told(place: Place) -> None:
    place.acts()
    place.head.write_text('{"seq":98,"hash":"' + "a" * 64 + '","v":1}')
    place.start()
    stop = place.switch.read()
    assert stop.stopped
    assert "ends at entry 1, but 98 was anchored" in stop.reason
    engaged = place.store.read(lambda tx: tx.audit.newest(STOP_SUBJECT, events=(STOP_ENGAGED,)))
    assert engaged is not None
    assert engaged.detail["reason"] == stop.reason
    assert place.store.read(lambda tx: tx.outbox.due(SystemClock().now(), limit=10, only="console"))
    assert len(place.kept) == 1
    # and from then on the head is that of the store which there is
    place.anchoring.write()
    place.switch.clear(stop)
    place.start()
    assert not place.switch.read().stopped


def test_a_log_of_the_same_length_that_was_written_anew_stops(place: Place) -> None:
    place.acts()
    place.head.write_text('{"seq":1,"hash":"' + "a" * 64 + '","v":1}')
    place.start()
    assert "entry 1 is not the one that was anchored" in place.switch.read().reason


def test_a_file_that_is_no_anchor_stops_and_is_kept(place: Place) -> None:
    place.head.write_text("garbage")
    place.start()
    assert "is not one" in place.switch.read().reason
    assert [one.read_text() for one in place.kept] == ["garbage"]


def test_a_stop_that_could_not_be_written_down_is_done_again_at_the_next_start(place: Place) -> None:
    place.acts()
    place.head.write_text('{"seq":98,"hash":"' + "a" * 64 + '","v":1}')
    with closing(sqlite3.connect(place.head.with_name("recoverops.sqlite"), isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnreachableError, match="the stop holds, but it could not be written down"):
            place.start()
        assert place.switch.read().stopped
        assert not place.kept
        blocker.execute("ROLLBACK")
    place.start()
    assert len(place.kept) == 1
    assert "stopped already" not in place.switch.read().reason, "by itself"


def test_what_a_person_said_about_a_stop_stays(place: Place) -> None:
    place.acts()
    place.head.write_text('{"seq":98,"hash":"' + "a" * 64 + '","v":1}')
    place.switch.engage(reason="maintenance of the rack", by="local:operator")
    place.start()
    assert place.switch.read().reason.endswith("It was stopped already: maintenance of the rack")


def test_a_clock_that_is_set_back_does_not_keep_the_head_from_being_noted(place: Place) -> None:
    place.acts()
    place.anchoring.sometimes()
    noted = place.head.read_text()
    place.acts()
    place.clock.set_back(timedelta(hours=6))
    place.clock.advance(timedelta(seconds=9))
    place.anchoring.sometimes()
    assert place.head.read_text() == noted, "it is not time yet"
    place.clock.advance(timedelta(seconds=1))
    place.anchoring.sometimes()
    assert place.head.read_text() != noted


def test_a_log_that_is_cut_while_the_engine_runs_stops_it_and_its_head_is_kept(place: Place) -> None:
    for _ in range(17):
        place.acts()
    place.anchoring.write()
    anchored = place.head.read_text()
    place.cut(after=11)
    place.anchoring.write()
    stop = place.switch.read()
    assert "ends at entry 11, but 17 was anchored" in stop.reason
    (kept,) = place.kept
    assert kept.read_text() == anchored
    assert kept.name in stop.reason
    engaged = place.store.read(lambda tx: tx.audit.newest(STOP_SUBJECT, events=(STOP_ENGAGED,)))
    assert engaged is not None
    assert engaged.detail["reason"] == stop.reason
    # and it is told once, and goes on from the store that there is
    place.anchoring.write()
    place.anchoring.write()
    assert place.kept == [kept]
    assert len(place.store.read(lambda tx: tx.outbox.due(SystemClock().now(), limit=10, only="console"))) == 1
    assert '"seq":12' in place.head.read_text()


def test_a_log_that_was_cut_and_has_grown_again_stops_too(place: Place) -> None:
    for _ in range(5):
        place.acts()
    place.anchoring.write()
    place.cut(after=3)
    for _ in range(4):
        place.acts()
    place.anchoring.write()
    assert "entry 5 is not the one that was anchored" in place.switch.read().reason


def test_a_cut_that_cannot_be_written_down_is_not_forgotten(place: Place) -> None:
    for _ in range(5):
        place.acts()
    place.anchoring.write()
    anchored = place.head.read_text()
    place.cut(after=3)
    with closing(sqlite3.connect(place.head.with_name("recoverops.sqlite"), isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnreachableError, match="the stop holds, but it could not be written down"):
            place.anchoring.write()
        blocker.execute("ROLLBACK")
    assert place.switch.read().stopped
    assert place.head.read_text() == anchored
    place.anchoring.write()
    assert [one.read_text() for one in place.kept] == [anchored]

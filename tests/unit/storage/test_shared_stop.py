"""The emergency stop where hosts share a database: a file of one host says nothing to another, the audit log does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from recoverops.model import (
    ConflictError,
    OverloadedError,
    PermanentError,
    RecoverOpsError,
    StopState,
    UnreachableError,
)
from recoverops.operations import Telling, clear_stop, engage_stop
from recoverops.storage import STOP_FILE, SharedStop, StopFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import ManualClock

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore


class Host:
    """A data directory, and the database that it shares with the other ones."""

    def __init__(self, folder: Path, store: SqlStore, clock: ManualClock) -> None:
        folder.mkdir()
        self.file = StopFile(folder / STOP_FILE, clock=clock)
        self.stop = SharedStop(self.file, store)
        self.store, self.clock = store, clock

    def engage(self) -> None:
        engage_stop(self.stop, lambda: Telling(store=self.store, channels=()), self.clock, reason="drill", by="ada")

    def clear(self) -> None:
        clear_stop(self.stop, self.store, self.clock, by="bob")


@pytest.fixture
def here(tmp_path: Path, store: SqlStore, clock: ManualClock) -> Host:
    return Host(tmp_path / "here", store, clock)


@pytest.fixture
def there(tmp_path: Path, store: SqlStore, clock: ManualClock) -> Host:
    return Host(tmp_path / "there", store, clock)


def test_a_stop_engaged_on_one_host_stops_on_the_other_until_it_is_cleared(
    here: Host, there: Host, clock: ManualClock
) -> None:
    assert not here.stop.read().stopped
    there.engage()
    state = here.stop.read()
    assert (state.stopped, state.reason, state.by, state.at) == (True, "drill", "ada", clock.now())
    assert not here.file.read().stopped
    there.clear()
    assert not here.stop.read().stopped
    assert not there.stop.read().stopped


def test_a_file_made_by_hand_stops_its_own_host_and_no_other(here: Host, there: Host, tmp_path: Path) -> None:
    (tmp_path / "here" / STOP_FILE).touch()
    assert here.stop.read().stopped
    assert not there.stop.read().stopped


def test_a_host_without_a_data_directory_clears_what_the_database_says_and_writes_no_file(
    here: Host, there: Host
) -> None:
    there.engage()
    nowhere = SharedStop(None, there.store)

    cleared = clear_stop(nowhere, there.store, there.clock, by="bob")

    assert cleared.reason == "drill"
    assert not here.stop.read().stopped
    with pytest.raises(PermanentError, match="no data directory"):
        nowhere.engage(reason="drill", by="bob")


def test_a_stop_of_this_host_and_of_the_database_are_cleared_by_one_resume(here: Host) -> None:
    here.engage()
    here.clear()
    assert not here.file.read().stopped
    lines = here.store.read(lambda tx: [one.event for one in tx.audit.entries()])
    assert lines == ["stop.engaged", "stop.cleared"]

    here.clear()
    assert here.store.read(lambda tx: [one.event for one in tx.audit.entries()]) == lines


def test_the_file_of_the_host_that_engaged_it_holds_there_after_another_host_cleared_it(
    here: Host, there: Host
) -> None:
    there.engage()
    here.clear()
    assert not here.stop.read().stopped
    assert there.stop.read().stopped


def test_a_stop_that_comes_while_another_one_is_cleared_is_not_cleared_with_it(here: Host, there: Host) -> None:
    there.engage()

    class Slow(SharedStop):
        """There it is engaged anew as soon as the state was read here."""

        def read(self, tx: Tx | None = None) -> StopState:
            seen = super().read(tx)
            if tx is None:
                there.clock.advance(timedelta(seconds=1))
                there.engage()
            return seen

    with pytest.raises(ConflictError, match="was engaged anew meanwhile, by ada: drill"):
        clear_stop(Slow(here.file, here.store), here.store, here.clock, by="bob")
    assert here.stop.read().stopped
    here.clear()
    assert not here.stop.read().stopped


@pytest.mark.parametrize("error", [UnreachableError, OverloadedError])
def test_a_database_that_does_not_answer_is_no_leave_to_act_and_takes_no_stop_away(
    here: Host, error: type[RecoverOpsError]
) -> None:
    class Gone:
        def read(self, _fn: object) -> object:
            raise error("the store cannot be read")

    gone = SharedStop(here.file, Gone())  # type: ignore[arg-type]
    with pytest.raises(UnreachableError, match="cannot be read"):
        gone.read()
    here.file.engage(reason="drill", by="ada")
    assert gone.read().stopped

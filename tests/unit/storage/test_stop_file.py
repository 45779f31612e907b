"""The emergency stop: whatever lies there means stopped; only its certain absence means go."""

from __future__ import annotations

import errno
import json
import os
import pwd
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from recoverops.model import ConflictError, MisconfiguredError, UnreachableError
from recoverops.storage import STOP_FILE, StopFile, stop_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import ManualClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / STOP_FILE


@pytest.fixture
def switch(path: Path, clock: ManualClock) -> StopFile:
    return StopFile(path, clock=clock)


def test_a_stop_that_came_since_it_was_looked_at_is_not_cleared(tmp_path: Path, clock: ManualClock) -> None:
    switch = StopFile(tmp_path / STOP_FILE, clock=clock)
    seen = switch.engage(reason="drill", by="ada")
    clock.advance(timedelta(seconds=1))
    newer = switch.engage(reason="real", by="bob")
    with pytest.raises(ConflictError, match="engaged anew meanwhile, by bob: real; it holds"):
        switch.clear(seen)
    assert switch.read() == newer
    switch.clear(newer)
    assert not switch.read().stopped
    (tmp_path / STOP_FILE).touch()
    with pytest.raises(ConflictError, match="engaged anew meanwhile, by hand"):
        switch.clear(seen)


def test_without_the_file_nothing_is_stopped(switch: StopFile) -> None:
    assert not switch.read().stopped


def test_an_engaged_stop_says_why_by_whom_and_when(switch: StopFile, path: Path, clock: ManualClock) -> None:
    state = switch.engage(reason="wrong targets", by="ada")
    assert (state.stopped, state.reason, state.by, state.at) == (True, "wrong targets", "ada", clock.now())
    assert StopFile(path, clock=clock).read() == state
    assert json.loads(path.read_text()) == {
        "reason": "wrong targets",
        "by": "ada",
        "at": "2026-03-01T12:00:00Z",
    }
    assert [entry.name for entry in path.parent.iterdir()] == [STOP_FILE]


def test_a_cleared_stop_is_gone_and_clearing_again_is_harmless(switch: StopFile) -> None:
    switch.engage(reason="drill", by="ada")
    switch.clear(switch.read())
    switch.clear(switch.read())
    assert not switch.read().stopped


@pytest.mark.parametrize("content", [b"", b"stop!", b"{}", b'{"reason": 7, "by": "x", "at": 1}', b"\xff\xfe", b"[]"])
def test_a_file_that_does_not_parse_stops_and_says_that_it_does_not(
    switch: StopFile, path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    state = switch.read()
    assert state.stopped
    assert "exists but does not say why" in state.reason


def test_a_directory_or_a_broken_link_of_that_name_stops_too(switch: StopFile, path: Path) -> None:
    path.mkdir()
    assert switch.read().stopped
    path.rmdir()
    path.symlink_to(path.parent / "nothing")
    assert switch.read().stopped


def test_a_directory_that_is_gone_cannot_tell(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(UnreachableError, match="is gone"):
        StopFile(tmp_path / "unmounted" / STOP_FILE, clock=clock).read()
    with pytest.raises(UnreachableError, match="was not engaged"):
        StopFile(tmp_path / "unmounted" / STOP_FILE, clock=clock).engage(reason="x", by="ada")


def test_a_file_that_may_not_be_read_cannot_tell(path: Path, clock: ManualClock) -> None:
    """A loop of links is refused by the kernel for root as well, unlike a mode."""
    path.symlink_to(path)
    with pytest.raises(UnreachableError, match="cannot be read"):
        StopFile(path, clock=clock).read()


def test_without_permission_the_answer_is_unreachable(path: Path, clock: ManualClock) -> None:
    """In a child that gives its rights away, because root may read everything."""
    StopFile(path, clock=clock).engage(reason="drill", by="ada")
    path.chmod(0o000)
    child = os.fork()
    if child == 0:
        answer = 1
        try:
            if os.geteuid() == 0:
                os.setuid(pwd.getpwnam("nobody").pw_uid)
            try:
                StopFile(path, clock=clock).read()
            except UnreachableError:
                answer = 0
        finally:
            os._exit(answer)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_on_a_full_disk_an_empty_file_stops(switch: StopFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(stop_file, "write_durably", full)
    assert switch.engage(reason="lost", by="ada").stopped
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("number", "kind", "way_out"),
    [
        (errno.EACCES, MisconfiguredError, "sudo -u recoverops"),
        (errno.EROFS, UnreachableError, "end the engine itself"),
        (errno.EIO, UnreachableError, "by hand"),
    ],
)
def test_a_stop_that_cannot_be_written_says_what_to_do_instead(
    path: Path, clock: ManualClock, number: int, kind: type[Exception], way_out: str
) -> None:
    refused = StopFile(path, clock=clock)._not_written("engaged", OSError(number, os.strerror(number)))
    assert type(refused) is kind
    assert way_out in str(refused)


def test_words_that_no_file_takes_stop_all_the_same(switch: StopFile, path: Path) -> None:
    state = switch.engage(reason="St\udcf6rung", by="ada")
    assert state.stopped
    assert "who and why could not be written" in state.reason
    assert path.read_bytes() == b""

"""The emergency stop: a file, so that it works while the database does not, and so that `touch` is enough.

Read before every effect. Whatever lies under that name means *stopped*; only its certain absence means *go*.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from recoverops.model import ConflictError, MisconfiguredError, RecoverOpsError, StopState, UnreachableError
from recoverops.ports import Clock, Tx
from recoverops.storage.durable_file import flush_directory, write_durably
from recoverops.storage.ownership import opened_or_made

STOP_FILE = "EMERGENCY_STOP"


class _Content(msgspec.Struct):
    reason: str
    by: str
    at: datetime


class StopFile:
    """`path` is the file itself, normally `EMERGENCY_STOP` in the data directory."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def read(self, tx: Tx | None = None) -> StopState:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return self._absent()
        except IsADirectoryError:
            return _unreadable(self._path, "it is a directory")
        except OSError as error:
            raise UnreachableError(
                f"the emergency stop {self._path} cannot be read ({error.strerror}); {self._way_out()}"
            ) from error
        if not data:
            return _unreadable(self._path, "it is empty: made by hand, or on a full disk")
        try:
            content = msgspec.json.decode(data, type=_Content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _unreadable(self._path, str(error))
        return StopState(stopped=True, reason=content.reason, by=content.by, at=content.at)

    def _way_out(self) -> str:
        """For a file that is there and cannot be read."""
        with suppress(OSError):
            maker = self._path.lstat().st_uid
            if maker != os.geteuid():
                return f"it was made by another user (uid {maker}); resume as that user or as root"
        return "check that its directory belongs to the user that runs RecoverOps"

    def _absent(self) -> StopState:
        if self._path.is_symlink():
            return _unreadable(self._path, "it is a link to nothing")
        if not self._path.parent.is_dir():
            raise UnreachableError(
                f"the emergency stop cannot be read: its directory {self._path.parent} is gone; is a disk not mounted?"
            )
        return StopState(stopped=False)

    def engage(self, *, reason: str, by: str) -> StopState:
        """Stop. Engaging again replaces the reason. Where that cannot be written, on a full disk or for words that no
        file takes, an empty file stops just as well."""
        try:
            content = msgspec.json.encode(_Content(reason=reason, by=by, at=self._clock.now()))
        except ValueError as error:  # e.g. half a surrogate, as bytes of a terminal that is not UTF-8 become
            return self._engaged_without_a_reason(str(error))
        try:
            with ExitStack() as held:
                with suppress(OSError):  # a lock that cannot be had must not keep anybody from stopping
                    held.enter_context(self._alone())
                write_durably(self._path, content)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise self._not_written("engaged", error) from error
            return self._engaged_without_a_reason(error.strerror)
        return self.read()

    def _engaged_without_a_reason(self, trouble: str | None) -> StopState:
        try:
            os.close(opened_or_made(self._path, os.O_WRONLY))
        except OSError as error:
            raise self._not_written("engaged", error) from error
        return StopState(stopped=True, reason=f"{self._path} stops, but who and why could not be written ({trouble})")

    def clear(self, seen: StopState) -> None:
        try:
            with self._alone():
                if (standing := self.read()) != seen:
                    raise ConflictError(standing.engaged_anew)
                self._path.unlink(missing_ok=True)
            flush_directory(self._path.parent)
        except OSError as error:
            raise self._not_written("cleared", error) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else engages or clears it here. The lock is the directory's, so it needs no room on the disk."""
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def _not_written(self, what: str, error: OSError) -> RecoverOpsError:
        told = f"the emergency stop was not {what}: {self._path}: {error.strerror}"
        if error.errno in {errno.EACCES, errno.EPERM}:
            return MisconfiguredError(f"{told}; run it as the user that runs the engine, e.g. sudo -u recoverops")
        if error.errno == errno.EROFS:
            return UnreachableError(f"{told}; end the engine itself, or remount the disk writable and stop again")
        return UnreachableError(f"{told}; do it by hand, by creating or removing that file")


def _unreadable(path: Path, why: str) -> StopState:
    advice = "`recoverops resume` lets RecoverOps act again"
    return StopState(stopped=True, reason=f"{path} exists but does not say why ({why}); {advice}")

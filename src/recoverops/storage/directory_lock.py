"""One engine a data directory: two processes on one SQLite file doubled a running step.

The lock is the kernel's (`flock`), so it is gone the moment its process is, however that died. What the file says is
only for the message to the second one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from recoverops.model import ConflictError, MisconfiguredError, OverloadedError, RecoverOpsError, UnreachableError
from recoverops.ports import Clock
from recoverops.storage.engines import SQLITE_FILE
from recoverops.storage.ownership import opened_or_made

LOCK_FILE = "engine.lock"

_LOOKS, _LOOK_S = 3, 0.05


class EngineHere(StrEnum):
    """Whether an engine has the data directory."""

    RUNNING = "running"
    NONE = "none"
    UNKNOWN = "unknown"
    """its lock may not be looked at by this user"""


def engine_on(data_dir: Path) -> EngineHere:
    """By the lock, which is held for as long as its process lives.

    Looking shares the lock for some microseconds; an engine that starts within them tries again.
    """
    try:
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return EngineHere.NONE
    except OSError:
        return EngineHere.UNKNOWN
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return EngineHere.RUNNING
    except OSError:
        return EngineHere.UNKNOWN
    finally:
        os.close(descriptor)
    return EngineHere.NONE


class DirectoryLock:
    """Held between `acquire` and `release`, or inside `with`."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Make the directory private and take it.

        Raises ConflictError naming the process that has it, MisconfiguredError when it cannot be made private, and
        UnreachableError or OverloadedError for a disk that is read-only or full.
        """
        if self._descriptor is not None:
            return
        make_private_directory(self._data_dir)
        descriptor = self._open()
        try:
            self._lock(descriptor)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise ConflictError(
                f"the data directory {self._data_dir} is in use by pid {holder}; "
                "stop that process, or give this one another data directory"
            ) from error
        with suppress(OSError):  # no room for what is only a help: the lock holds, and the store says what is missing
            os.ftruncate(descriptor, 0)
            os.pwrite(
                descriptor, f"{os.getpid()} since {self._clock.now().isoformat(timespec='seconds')}\n".encode(), 0
            )
        self._descriptor = descriptor

    def _lock(self, descriptor: int) -> None:
        """Who only looks (`engine_on`) is gone at once; another engine is not."""
        for _ in range(_LOOKS):
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._clock.sleep(_LOOK_S)
        return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _open(self) -> int:
        try:
            return opened_or_made(self._data_dir / LOCK_FILE, os.O_RDWR)
        except OSError as error:
            raise _unusable(
                f"{self._data_dir / LOCK_FILE} cannot be opened", error, "the data directory and all in it"
            ) from error

    def release(self) -> None:
        if self._descriptor is None:
            return
        os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def make_private_directory(directory: Path) -> None:
    """Create the directory with mode 0700, or tighten the one that is there.

    Only a directory that is empty or ours already is tightened: with `data_dir: /tmp` a chmod would harm others.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(directory.stat().st_mode)
        if mode & 0o077 == 0:
            return
        if not _may_tighten(directory):
            raise MisconfiguredError(
                f"the data directory {directory} has mode {mode:04o} and holds files that are not RecoverOps'; "
                f"give RecoverOps a directory of its own, or run: chmod 700 {directory}"
            )
        directory.chmod(0o700)
    except OSError as error:
        raise _unusable(f"the data directory {directory} cannot be created or made private", error, "it") from error


def _unusable(what: str, error: OSError, whose: str) -> RecoverOpsError:
    """What time or an administrator of the disk can heal is no mistake in the configuration."""
    if error.errno == errno.EROFS:
        return UnreachableError(
            f"{what} ({error.strerror}); remount it writable, or name another data_dir; under systemd "
            "ReadWritePaths= or StateDirectory= has to name it"
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return OverloadedError(f"{what} ({error.strerror}); free some space")
    return MisconfiguredError(
        f"{what} ({error.strerror}); {whose} must belong to the user that runs RecoverOps (uid {os.geteuid()})"
    )


def why_not_writable(directory: Path) -> str | None:
    """Why an engine could not keep its data there; None when it could, or when one does. Leaves nothing behind."""
    there = next(one for one in (directory, *directory.parents) if os.path.exists(one))
    if not there.is_dir():
        return f"{there} is a file; name another data_dir"
    if engine_on(directory) is EngineHere.RUNNING:
        return None
    files = [one for one in (directory / LOCK_FILE, directory / SQLITE_FILE) if os.path.exists(one)]
    for one in (there, *files):
        if not os.access(one, os.W_OK, effective_ids=True):
            why = f"the user that runs this (uid {os.geteuid()}) may not write {one}, or its file system is read-only"
            return f"{why}; let that user write there, or name another data_dir"
    if there == directory and stat.S_IMODE(directory.stat().st_mode) & 0o077 and not _may_tighten(directory):
        return f"it holds files that are not RecoverOps'; give it a directory of its own, or run: chmod 700 {directory}"
    return None


def another_owner(directory: Path) -> int | None:
    """The user to whom it belongs, if that is not the one who asks."""
    try:
        owner = directory.stat().st_uid
    except OSError:
        return None
    return owner if owner != os.geteuid() else None


def _may_tighten(directory: Path) -> bool:
    names = {entry.name for entry in directory.iterdir()}
    return not names or bool(names & {LOCK_FILE, SQLITE_FILE})

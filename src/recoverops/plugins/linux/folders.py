"""Files in declared folders, reached without ever following a link: every step of a path is opened from the one before.

Used by the actions that free disk. A file that somebody has open is known by its device and inode, not by its name.
"""

from __future__ import annotations

import fcntl
import fnmatch
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from recoverops.model import PermanentError, UnreachableError

_STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One regular file, as it was when it was looked at."""

    name: str
    inode: int
    device: int
    size: int
    allocated: int
    """Bytes that it takes on the disk."""
    modified_ns: int
    mode: int
    user: int
    group: int

    @property
    def key(self) -> tuple[int, int]:
        return self.device, self.inode


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of the folder. Raises `UnreachableError` when it is not there, `PermanentError` for a link in it."""
    folder = os.open("/", _STEP)
    try:
        for step in path.strip("/").split("/"):
            inner = _enter(folder, step, path)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _enter(folder: int, step: str, path: str) -> int:
    try:
        return os.open(step, _STEP, dir_fd=folder)
    except FileNotFoundError as error:
        raise UnreachableError(f'the folder {path} does not exist ("{step}" is missing)') from error
    except NotADirectoryError as error:
        raise PermanentError(f'{path}: "{step}" is a link or no folder; declare the real path') from error
    except OSError as error:
        raise PermanentError(f'{path}: "{step}" cannot be entered: {error.strerror}') from error


def matching(folder: int, pattern: str) -> Iterator[Found]:
    """The regular files right in the folder whose name fits, with one name each; nothing in folders below it."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if fnmatch.fnmatchcase(entry.name, pattern))
    for name in names:
        found = look(folder, name)
        if found is not None:
            yield found


def look(folder: int, name: str) -> Found | None:
    """None when there is no regular file of that name, or when it has another name as well."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        return None
    return Found(
        name=name,
        inode=status.st_ino,
        device=status.st_dev,
        size=status.st_size,
        allocated=status.st_blocks * 512,
        modified_ns=status.st_mtime_ns,
        mode=stat.S_IMODE(status.st_mode),
        user=status.st_uid,
        group=status.st_gid,
    )


def free_bytes(folder: int) -> int:
    status = os.fstatvfs(folder)
    return status.f_bavail * status.f_frsize


class OpenFiles:
    """The files that another process has open, at one moment.

    Where RecoverOps may not look into every process, the kernel is asked for each file: it grants a lease only while
    nobody else has it open. Whoever cannot be sure counts as open. RecoverOps' own descriptors do not count: its
    log source lets go of a file that is gone.
    """

    def __init__(self) -> None:
        self._found: set[tuple[int, int]] = set()
        self._is_complete = True
        own = str(os.getpid())
        for name in os.listdir("/proc"):
            if not name.isdigit() or name == own:
                continue
            try:
                for descriptor in os.listdir(f"/proc/{name}/fd"):
                    _note(f"/proc/{name}/fd/{descriptor}", self._found)
            except PermissionError:
                self._is_complete = False
            except OSError:
                continue

    def has(self, folder: int, file: Found) -> bool:
        return file.key in self._found or not (self._is_complete or is_leasable(folder, file.name))


def is_leasable(folder: int, name: str) -> bool:
    """Whether the kernel is sure that nobody has the file open."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        # somebody who opens it in this moment is announced by a signal; SIGIO would end us, SIGURG is ignored
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _note(link: str, found: set[tuple[int, int]]) -> None:
    try:
        status = os.stat(link)
    except (FileNotFoundError, ProcessLookupError):
        return
    if stat.S_ISREG(status.st_mode):
        found.add((status.st_dev, status.st_ino))

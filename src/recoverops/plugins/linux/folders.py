"""Files in declared folders, reached without ever following a link: every step of a path is opened from the one before.

Used by the actions that free disk. A file that somebody has open is known by its device and inode, not by its name.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from recoverops.model import PermanentError, UnreachableError
from recoverops.plugins.linux.leases import Openness, openness

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
    """Which files another process has open.

    The kernel is asked for each file, see `leases`. Where it gives no answer, all processes that RecoverOps may look
    into are searched; when there are others besides, whoever cannot be sure counts as open. RecoverOps' own
    descriptors do not count: its log source lets go of a file that is gone.
    """

    @cached_property
    def _seen(self) -> _Seen:
        return _search()

    def has(self, folder: int, file: Found) -> bool:
        """True also when nobody can tell."""
        return self.of(folder, file) is not Openness.CLOSED

    def of(self, folder: int, file: Found) -> Openness:
        answer = openness(folder, file.name)
        if answer is Openness.CLOSED:
            return answer
        if file.key in self._seen.others:
            return Openness.OPEN
        if answer is Openness.OPEN and file.key not in _descriptors("self"):
            return answer
        return Openness.CLOSED if self._seen.is_complete else Openness.UNCLEAR


@dataclass(frozen=True, slots=True)
class _Seen:
    others: frozenset[tuple[int, int]]
    is_complete: bool
    """False when there are processes that RecoverOps may not look into."""


def _search() -> _Seen:
    """The files that other processes have open, as far as RecoverOps may see, at one moment."""
    found: set[tuple[int, int]] = set()
    is_complete, own = True, str(os.getpid())
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == own:
            continue
        try:
            found |= _descriptors(name)
        except PermissionError:
            is_complete = False
        except OSError:
            continue
    return _Seen(frozenset(found), is_complete)


def _descriptors(process: str) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for descriptor in os.listdir(f"/proc/{process}/fd"):
        _note(f"/proc/{process}/fd/{descriptor}", found)
    return found


def _note(link: str, found: set[tuple[int, int]]) -> None:
    try:
        status = os.stat(link)
    except (FileNotFoundError, ProcessLookupError):
        return
    if stat.S_ISREG(status.st_mode):
        found.add((status.st_dev, status.st_ino))

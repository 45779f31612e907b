"""Whether anybody has a file open, asked of the kernel: it grants a write lease only while nobody else does.

Exact for every process of this machine, also for those in other containers that `/proc` does not show, and for files
that are only mapped. It needs the file's owner or CAP_LEASE, and a file system that knows leases; without them the
answer is UNCLEAR. Used by `folders` and by the actions that move files; a lease is never kept longer than a call.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Openness(Enum):
    """What the kernel says."""

    CLOSED = "nobody has it open"
    OPEN = "somebody has it open"
    UNCLEAR = "the kernel grants no lease on it"


class Lease:
    """A write lease on one descriptor, or the attempt to get one."""

    def __init__(self, file: int) -> None:
        self._file = file
        self.openness = _take(file)

    @property
    def is_wanted(self) -> bool:
        """Somebody waits to open the file; the kernel lets him wait until the lease is given back."""
        if self.openness is not Openness.CLOSED:
            return False
        return fcntl.fcntl(self._file, fcntl.F_GETLEASE) != fcntl.F_WRLCK

    def give_back(self) -> None:
        with suppress(OSError):
            fcntl.fcntl(self._file, fcntl.F_SETLEASE, fcntl.F_UNLCK)


@contextmanager
def leased(file: int) -> Iterator[Lease]:
    lease = Lease(file)
    try:
        yield lease
    finally:
        lease.give_back()


def openness(folder: int, name: str) -> Openness:
    """Of the file of that name in the folder; UNCLEAR when it cannot be opened at all."""
    try:
        file = os.open(name, _READ, dir_fd=folder)
    except BlockingIOError:  # somebody holds a lease on it, so somebody has it open
        return Openness.OPEN
    except OSError:
        return Openness.UNCLEAR
    try:
        with leased(file) as lease:
            return lease.openness
    finally:
        os.close(file)


def _take(file: int) -> Openness:
    try:
        # whoever opens it in this moment is announced by a signal; SIGIO would end us, SIGURG is ignored
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return Openness.OPEN if error.errno == errno.EAGAIN else Openness.UNCLEAR
    return Openness.CLOSED

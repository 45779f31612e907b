"""The new lines of one growing file, read from where the last call ended; the first call begins at the end.

A file that is replaced is read to its end and then left, so that nothing is lost and no deleted file is kept on the
disk; one that shrinks is begun anew. Bounded in bytes a call and in the length of a line; bytes that are no text
survive.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

_LONGEST_LINE = 16 * 1024
_FLOOD = 8
"""So many calls behind, and the rest is skipped: a flood is told by its newest lines."""


class Tail:
    def __init__(self, path: str, *, bytes_a_call: int) -> None:
        self._path = path
        self._limit = bytes_a_call
        self._file: int | None = None
        self._identity = (0, 0)
        self._offset = 0
        self._partial = b""
        self._is_in_long_line = False
        self._has_looked = False
        self.skipped = 0
        """Bytes that were left out because there were too many."""

    def read(self) -> list[str] | None:
        """The lines that were completed since the last call; None when there is no such file. Raises OSError."""
        if self._file is None and not self._open(at_end=not self._has_looked):
            self._has_looked = True
            return None
        self._has_looked = True
        lines = self._lines(self._limit)
        if self._is_replaced():
            while self._file is not None and self._behind() > 0:
                lines += self._lines(self._limit)
            lines += self._close()
            if self._open(at_end=False):
                lines += self._lines(self._limit)
        return lines

    def _open(self, *, at_end: bool) -> bool:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            os.close(file)
            raise OSError(None, "it is no regular file", self._path)
        self._file, self._identity = file, (status.st_dev, status.st_ino)
        self._offset = status.st_size if at_end else 0
        self._partial, self._is_in_long_line = b"", False
        return True

    def _close(self) -> list[str]:
        """Ends with this file; its last line counts even without its end."""
        rest = [self._partial.decode(errors="replace")] if self._partial and not self._is_in_long_line else []
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._file, self._partial = None, b""
        return rest

    def _is_replaced(self) -> bool:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return True
        return (status.st_dev, status.st_ino) != self._identity

    def _behind(self) -> int:
        assert self._file is not None
        size = os.fstat(self._file).st_size
        if size < self._offset:
            self._offset, self._partial, self._is_in_long_line = 0, b"", False
        behind = size - self._offset
        if behind > self._limit * _FLOOD:
            self.skipped += behind - self._limit
            self._offset = size - self._limit
            self._partial, self._is_in_long_line = b"", True
        return size - self._offset

    def _lines(self, limit: int) -> list[str]:
        assert self._file is not None
        wanted = min(self._behind(), limit)
        data = os.pread(self._file, wanted, self._offset) if wanted > 0 else b""
        self._offset += len(data)
        pieces = (self._partial + data).split(b"\n")
        self._partial = pieces.pop()
        if pieces and self._is_in_long_line:
            pieces.pop(0)
            self._is_in_long_line = False
        if len(self._partial) > _LONGEST_LINE:
            if not self._is_in_long_line:
                pieces.append(self._partial[:_LONGEST_LINE])
            self._partial, self._is_in_long_line = b"", True
        return [piece[:_LONGEST_LINE].decode(errors="replace").rstrip("\r") for piece in pieces]

    def close(self) -> None:
        self._close()

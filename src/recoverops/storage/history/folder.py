"""The place of the files: a local folder. With an object store (`objects.py`) it is where they wait and are copied.

A file is there wholly or not at all: it is written under another name, flushed, and then renamed. One process at a time
writes here (the lock of the data directory).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

from recoverops.storage.durable_file import flush_directory, write_durably
from recoverops.storage.history.names import DAMAGED, Level, PartName, day_of, folder_of, part_of
from recoverops.storage.ownership import make_folder

_TEMPORARY = ".writing"
_CHUNK = 1024 * 1024


class Folder:
    """Implements `place.Place`. Every method raises OSError as the file system does."""

    problem = ""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._whole: set[PartName] = set()

    def __str__(self) -> str:
        return str(self.root)

    def open(self) -> None:
        """Makes it, private, and removes what a killed process left half-written."""
        make_folder(self.root)
        for half_written in (f"day=*/*{_TEMPORARY}", "day=*/.*.tmp"):
            for left in self.root.glob(half_written):
                left.unlink(missing_ok=True)

    def uri(self, part: PartName) -> str:
        """As DuckDB wants to be told where it is."""
        return str(self.root / part.folder / part.file)

    def days(self) -> tuple[date, ...]:
        """Oldest first."""
        names = os.listdir(self.root)
        return tuple(sorted(day for name in names if (day := day_of(name)) is not None))

    def parts(self) -> tuple[PartName, ...]:
        """Oldest first."""
        return tuple(sorted(part for day in self.days() for part in self.parts_of(day)))

    def parts_of(self, day: date) -> tuple[PartName, ...]:
        names = os.listdir(self.root / folder_of(day))
        return tuple(sorted(part for name in names if (part := part_of(day, name)) is not None))

    def newest_us(self) -> int:
        return max((part.written_us for part in self.parts()), default=0)

    def size_of(self, part: PartName) -> int:
        return (self.root / part.folder / part.file).stat().st_size

    def put(self, day: date, hour: int, level: Level, *, written_us: int, fill: Callable[[str], None]) -> PartName:
        """A new durable file with what `fill` writes to the address that it is given."""
        directory = self.root / folder_of(day)
        if not directory.is_dir():
            make_folder(directory)
            flush_directory(self.root)
        beside = directory / f"{level}-{hour:02}-{written_us}{_TEMPORARY}"
        try:
            fill(str(beside))
            part = PartName(day=day, hour=hour, level=level, written_us=written_us, crc=_flushed_crc(beside))
            beside.rename(directory / part.file)
        except BaseException:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        flush_directory(directory)
        self._whole.add(part)
        return part

    def keep(self, part: PartName, data: bytes) -> None:
        """A copy of a file whose bytes are known to be right."""
        path = self.root / part.folder / part.file
        make_folder(path.parent)
        write_durably(path, data)
        self._whole.add(part)

    def is_whole(self, part: PartName) -> bool:
        """Whether its bytes are those that were written; looked at once in the life of the process."""
        if part in self._whole:
            return True
        crc = 0
        for chunk in _chunks(self.root / part.folder / part.file):
            crc = zlib.crc32(chunk, crc)
        if crc == part.crc:
            self._whole.add(part)
        return crc == part.crc

    def remove(self, part: PartName) -> None:
        (self.root / part.folder / part.file).unlink(missing_ok=True)
        self._whole.discard(part)

    def remove_day(self, day: date) -> None:
        """Everything of the day, damaged files included."""
        directory = self.root / folder_of(day)
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()
        self._whole = {part for part in self._whole if part.day != day}

    def set_aside(self, part: PartName) -> str:
        """Renames a file that cannot be read, so that nobody tries again; its new path."""
        old = self.root / part.folder / part.file
        new = old.with_name(old.name + DAMAGED)
        old.rename(new)
        self._whole.discard(part)
        return str(new)

    def damaged(self) -> tuple[str, ...]:
        return tuple(sorted(str(path) for path in self.root.glob(f"day=*/*{DAMAGED}")))

    def trim(self) -> None:
        """There are no copies."""

    def tend(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _flushed_crc(path: Path) -> int:
    crc = 0
    for chunk in _chunks(path):
        crc = zlib.crc32(chunk, crc)
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fchmod(descriptor, 0o600)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return crc

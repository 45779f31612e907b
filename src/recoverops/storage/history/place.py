"""What the history asks of the place of its files: `folder.py` is one, `objects.py` another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Protocol

from recoverops.storage.history.names import Level, PartName


class AwayError(OSError):
    """The object store did not answer, or refused; its sentence says what to do."""


class GoneError(OSError):
    """Somebody removed the file since it was listed."""


class Place(Protocol):
    """Files that are there wholly or not at all. One process at a time writes. Every method may raise OSError."""

    @property
    def root(self) -> Path:
        """A folder on this machine; what a merge spills goes there."""

    @property
    def problem(self) -> str:
        """Why files wait on this machine; empty when none has to. Nothing is put together or removed meanwhile."""

    def open(self) -> None:
        """Makes it ready for writing, and removes what a killed process left half-written. Asks nobody."""

    def uri(self, part: PartName) -> str:
        """Where DuckDB reads it, on this machine, after `is_whole` was asked."""

    def days(self) -> tuple[date, ...]:
        """Oldest first."""

    def parts(self) -> tuple[PartName, ...]:
        """Oldest first."""

    def newest_us(self) -> int:
        """When the newest file that is known without asking was written; 0 for none."""

    def size_of(self, part: PartName) -> int: ...

    def put(self, day: date, hour: int, level: Level, *, written_us: int, fill: Callable[[str], None]) -> PartName:
        """A new file, durable on this machine, with what `fill` writes to the address that it is given."""

    def is_whole(self, part: PartName) -> bool:
        """Whether its bytes are those that were written. Raises GoneError."""

    def remove(self, part: PartName) -> None: ...

    def remove_day(self, day: date) -> None:
        """Everything of the day, damaged files included."""

    def set_aside(self, part: PartName) -> str:
        """Puts a file that cannot be read out of the way; where it is now."""

    def damaged(self) -> tuple[str, ...]:
        """What was set aside, as far as is known without asking."""

    def trim(self) -> None:
        """Gives back room that copies take."""

    def tend(self) -> None:
        """Sends what waits. What fails is in `problem`."""

    def close(self) -> None:
        """Lets go. Raises nothing."""

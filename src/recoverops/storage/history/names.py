"""What a file of the history is called. Its name says all that is needed to use it, or to leave it out.

`day=2026-03-01/piece-13-1772370000000000-9f3a0c11.parquet`: written once at a flush, holds samples of the hour 13
(UTC), when it was written in microseconds, and the CRC-32 of its bytes. An `hour` is put together from pieces, a `day`
from everything of the day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

_NAME = re.compile(r"(piece|hour|day)-(\d\d)-(\d{16,18})-([0-9a-f]{8})\.parquet")
_DAY = re.compile(r"day=(\d{4}-\d\d-\d\d)")
DAMAGED = ".damaged"
"""Appended to the name of a file that cannot be read; it is left for people to look at until its day is removed."""


class Level(StrEnum):
    PIECE = "piece"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PartName:
    day: date
    hour: int
    """0 for a file that holds the whole day"""
    level: Level
    written_us: int
    crc: int

    @property
    def folder(self) -> str:
        return folder_of(self.day)

    @property
    def file(self) -> str:
        return f"{self.level}-{self.hour:02}-{self.written_us:016}-{self.crc:08x}.parquet"

    @property
    def path(self) -> str:
        """Below the root, with /; a key as object stores have it too."""
        return f"{self.folder}/{self.file}"

    def overlaps(self, start: datetime, end: datetime) -> bool:
        begin = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        if self.level is Level.DAY:
            return begin < end and begin + timedelta(days=1) > start
        begin += timedelta(hours=self.hour)
        return begin < end and begin + timedelta(hours=1) > start


def folder_of(day: date) -> str:
    return f"day={day.isoformat()}"


def day_of(folder: str) -> date | None:
    """None for a folder that is none of ours."""
    written = _DAY.fullmatch(folder)
    try:
        return date.fromisoformat(written[1]) if written else None
    except ValueError:
        return None


def part_of(day: date, file: str) -> PartName | None:
    """None for a file that is none of ours: half-written, damaged, or somebody else's."""
    written = _NAME.fullmatch(file)
    if written is None or int(written[2]) > 23:
        return None
    return PartName(
        day=day, hour=int(written[2]), level=Level(written[1]), written_us=int(written[3]), crc=int(written[4], 16)
    )

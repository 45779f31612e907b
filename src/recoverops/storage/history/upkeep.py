"""What is to be put together and what is to be removed. Pure: names, sizes and the time in, the store does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from recoverops.storage.history.names import Level, PartName

HOUR_GRACE, DAY_GRACE = timedelta(minutes=10), timedelta(hours=1)
"""Samples that come late make small files of their own; nothing is put together before most of them have come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    day: date
    hour: int
    level: Level
    sources: tuple[PartName, ...]


def merges(parts: Iterable[PartName], *, now: datetime) -> Iterator[Merge]:
    """Pieces of an hour that is over into one file; everything of a day that is over into one file."""
    by_day: dict[date, list[PartName]] = {}
    for part in parts:
        by_day.setdefault(part.day, []).append(part)
    for day, of_day in sorted(by_day.items()):
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if now >= begin + timedelta(days=1) + DAY_GRACE:
            if len(of_day) > 1:
                yield Merge(day=day, hour=0, level=Level.DAY, sources=tuple(of_day))
            continue
        for hour in sorted({part.hour for part in of_day if part.level is not Level.DAY}):
            of_hour = tuple(part for part in of_day if part.hour == hour and part.level is not Level.DAY)
            if len(of_hour) > 1 and now >= begin + timedelta(hours=hour + 1) + HOUR_GRACE:
                yield Merge(day=day, hour=hour, level=Level.HOUR, sources=of_hour)


def too_old(days: Iterable[date], *, now: datetime, keep: timedelta) -> tuple[date, ...]:
    """Days that ended longer than `keep` ago."""
    return tuple(
        day for day in days if datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) <= now - keep
    )


def too_much(sizes: Mapping[PartName, int], *, max_bytes: int) -> tuple[PartName, ...]:
    """The oldest, until the others fit; the newest file stays, however big it is."""
    over = sum(sizes.values()) - max_bytes
    removed: list[PartName] = []
    for part in sorted(sizes)[:-1]:
        if over <= 0:
            break
        removed.append(part)
        over -= sizes[part]
    return tuple(removed)

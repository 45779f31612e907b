"""`ports.HistoryStore` on Parquet files: a buffer in memory, and files that are whole or not there.

A killed process loses what was in the buffer, nothing else. A damaged file is renamed and told of, and
stops nobody. Nothing here is asked for by the event loop.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recoverops.model import OverloadedError, PermanentError, Resource, RetryableError, UnreachableError
from recoverops.model.columns import Columns
from recoverops.ports import Clock, HistoryDrop, ObjectStore, SeriesKey, SeriesPoints
from recoverops.storage.durable_file import write_durably
from recoverops.storage.history import upkeep
from recoverops.storage.history.buffer import Buffer, Rows, joined, newest_of_each
from recoverops.storage.history.folder import Folder
from recoverops.storage.history.lease import Lease
from recoverops.storage.history.names import Level, PartName
from recoverops.storage.history.objects import FolderAndObjects
from recoverops.storage.history.parquet import DamagedError, Parquet, microseconds
from recoverops.storage.history.place import AwayError, GoneError, Place
from recoverops.storage.history.settings import HistorySettings
from recoverops.storage.ownership import make_folder

_LOG = logging.getLogger("recoverops.history")
AHEAD = timedelta(minutes=10)
"""How far ahead of our clock a sample may be: clocks differ."""
RETRY = timedelta(seconds=30)
CACHE, OWNER_FILE = "cache", "owner"
"""Beside the files, where there is an object store: copies of what it has, and who we are to it."""
_HOUR_US = 3_600_000_000
T = TypeVar("T")
Found = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
"""Times, values and when each was written, of one series in one file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStanding:
    """How it is doing, for people."""

    waiting: int
    """samples in memory"""
    flushed_at: datetime | None
    """None: nothing yet in this process"""
    problem: str
    """Why the last attempt to write failed; empty when it did not."""
    damaged: tuple[str, ...]
    """Files that were set aside."""
    away: str = ""
    """Why files wait on this machine and not in the object store; empty when none has to."""


class ParquetHistory:
    def __init__(
        self, settings: HistorySettings, folder: Place, *, clock: Clock, damaged: tuple[str, ...] = ()
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._parquet = Parquet(spill=folder.root / "spill")
        self._buffer = Buffer(max_rows=settings.buffer_rows, max_bytes=settings.buffer_bytes)
        self._memory = threading.Lock()
        self._files = threading.RLock()  # taken before _memory, never after it
        self._written_us = 0
        self._flushed_at: datetime | None = None
        self._problem = ""
        self._damaged = damaged

    # --- writing -------------------------------------------------------------------------------------------------

    def append(self, keys: Sequence[SeriesKey], columns: Columns) -> Mapping[HistoryDrop, int]:
        if len(columns) and not (columns.series.min() >= 0 and columns.series.max() < len(keys)):
            raise PermanentError(
                f"history: series number {columns.series.max()} is none of the {len(keys)} keys that came with it"
            )
        now = self._clock.now()
        oldest, newest = (now - self._settings.keep).timestamp(), (now + AHEAD).timestamp()
        is_kept = (columns.at >= oldest) & (columns.at <= newest)
        rows = Rows(
            keys=tuple(keys),
            series=columns.series[is_kept],
            at_us=np.round(columns.at[is_kept] * 1e6).astype(np.int64),
            values=columns.values[is_kept],
        )
        with self._memory:
            refused = self._buffer.put(rows)
        dropped = {HistoryDrop.OUT_OF_RANGE: len(columns) - len(rows), HistoryDrop.BUFFER_FULL: refused}
        return {reason: count for reason, count in dropped.items() if count}

    def wants_flush(self) -> bool:
        """Whether so much waits that it is better written before its time."""
        with self._memory:
            return self._buffer.is_half_full

    def flush(self) -> None:
        with self._files:
            with self._memory:
                taken = self._buffer.take()
            if taken:
                self._write_or_put_back(taken)
            try:
                self._folder.tend()
            except OSError as error:
                raise self._refusal("written", error) from error

    def _write_or_put_back(self, taken: tuple[Rows, ...]) -> None:
        try:
            self._write(newest_of_each(joined(taken)))
        except OSError as error:
            with self._memory:
                self._buffer.put_back(taken)
            raise self._refusal("written", error) from error
        self._problem = ""
        self._flushed_at = self._clock.now()

    def _write(self, rows: Rows) -> None:
        """One file for each hour. When a later hour fails all are written again; equal points are one."""
        written_us = self._next_written_us()
        hours = rows.at_us // _HOUR_US
        for number in np.unique(hours):
            at = datetime.fromtimestamp(int(number) * 3600, tz=UTC)
            of_hour = rows.where(hours == number)

            def fill(target: str, of_hour: Rows = of_hour) -> None:
                self._parquet.write(target, of_hour, written_us=written_us)

            self._put(at.date(), at.hour, Level.PIECE, written_us, fill)

    def _put(self, day: date, hour: int, level: Level, written_us: int, fill: Callable[[str], None]) -> None:
        self._folder.put(day, hour, level, written_us=written_us, fill=fill)

    def _next_written_us(self) -> int:
        """Later than every file that is there, whatever the wall clock does."""
        if not self._written_us:
            self._written_us = self._folder.newest_us()
        self._written_us = max(self._written_us + 1, microseconds(self._clock.now()))
        return self._written_us

    # --- reading -------------------------------------------------------------------------------------------------

    def range(self, keys: Sequence[SeriesKey], *, start: datetime, end: datetime) -> tuple[SeriesPoints, ...]:
        start_us, end_us = microseconds(start), microseconds(end)
        with self._files:
            parts = self._parts_between(start, end)
            waiting = self._waiting(start_us, end_us)
            found: dict[SeriesKey, list[Found]] = {key: [] for key in keys}
            for part in parts:  # each file once: it may have to be fetched
                told = self._read(part, lambda uri: self._of_part(uri, keys, start_us, end_us))
                for key, one in (told or {}).items():
                    found[key].append(one)
                self._trim()
            return tuple(self._points(key, found[key], waiting) for key in keys)

    def _of_part(self, uri: str, keys: Sequence[SeriesKey], start_us: int, end_us: int) -> dict[SeriesKey, Found]:
        return {key: self._parquet.range(uri, key, start_us=start_us, end_us=end_us) for key in keys}

    def _points(self, key: SeriesKey, found: Sequence[Found], waiting: Rows) -> SeriesPoints:
        number = waiting.keys.index(key) if key in waiting.keys else -1
        mine = waiting.where(waiting.series == number)
        at_us = np.concatenate([*(one[0] for one in found), mine.at_us])
        values = np.concatenate([*(one[1] for one in found), mine.values])
        written = np.concatenate([*(one[2] for one in found), np.full(len(mine), np.iinfo(np.int64).max)])
        order = np.argsort(written, kind="stable")
        merged = newest_of_each(
            Rows(keys=(key,), series=np.zeros(len(order), np.int32), at_us=at_us[order], values=values[order])
        )
        return SeriesPoints(key=key, at=_seconds(merged.at_us), values=merged.values)

    def series(
        self, *, start: datetime, end: datetime, resource: Resource | None = None, metric: str | None = None
    ) -> tuple[SeriesKey, ...]:
        start_us, end_us = microseconds(start), microseconds(end)
        with self._files:
            waiting = self._waiting(start_us, end_us)
            found = {waiting.keys[number] for number in np.unique(waiting.series)}
            for part in self._parts_between(start, end):
                told = self._read(part, lambda uri: self._parquet.series(uri, start_us=start_us, end_us=end_us))
                found |= told or set()
                self._trim()
        wanted = (
            key
            for key in found
            if (resource is None or key.resource == resource) and (metric is None or key.metric == metric)
        )
        return tuple(sorted(wanted, key=lambda key: (str(key.resource), key.metric, key.labels)))

    def _waiting(self, start_us: int, end_us: int) -> Rows:
        with self._memory:
            rows = self._buffer.peek()
        return rows.where((rows.at_us >= start_us) & (rows.at_us < end_us))

    def _parts_between(self, start: datetime, end: datetime) -> tuple[PartName, ...]:
        try:
            return tuple(part for part in self._folder.parts() if part.overlaps(start, end))
        except OSError as error:
            raise self._refusal("read", error) from error

    def _read(self, part: PartName, ask: Callable[[str], T]) -> T | None:
        """What the file says; None when it is damaged, and then it is out of the way."""
        try:
            if self._folder.is_whole(part):
                return ask(self._folder.uri(part))
            problem = "its bytes are not those that were written"
        except DamagedError as error:
            problem = str(error)
        except GoneError as error:
            _LOG.warning("history_file_gone", extra={"error": str(error)})
            return None
        except OSError as error:
            raise self._refusal("read", error) from error
        self._set_aside(part, problem)
        return None

    def _trim(self) -> None:
        try:
            self._folder.trim()
        except OSError as error:
            raise self._refusal("written", error) from error

    def _set_aside(self, part: PartName, problem: str) -> None:
        try:
            path = self._folder.set_aside(part)
        except OSError as error:
            raise self._refusal("written", error) from error
        self._damaged = (*self._damaged, path)
        _LOG.error("history_file_damaged", extra={"file": path, "error": problem})

    # --- upkeep --------------------------------------------------------------------------------------------------

    def prune(self) -> None:
        with self._files:
            try:
                self._folder.tend()
                if not self._folder.problem:
                    self._prune(self._clock.now())
            except OSError as error:
                raise self._refusal("written", error) from error

    def _prune(self, now: datetime) -> None:
        for day in upkeep.too_old(self._folder.days(), now=now, keep=self._settings.keep):
            self._folder.remove_day(day)
        sizes = {part: self._folder.size_of(part) for part in self._folder.parts()}
        for part in upkeep.too_much(sizes, max_bytes=self._settings.max_bytes):
            self._folder.remove(part)
        for merge in upkeep.merges(self._folder.parts(), now=now):
            self._merge(merge)
        self._damaged = self._folder.damaged()

    def _merge(self, merge: upkeep.Merge) -> None:
        """The new file first, then the old ones go: after a crash in between, points that are there twice are one."""
        whole = tuple(self._whole_of(merge.sources))
        if len(whole) > 1:
            uris = [self._folder.uri(part) for part in whole]
            self._put(
                merge.day,
                merge.hour,
                merge.level,
                self._next_written_us(),
                lambda target: self._parquet.merge(uris, target),
            )
            for part in whole:
                self._folder.remove(part)
            self._folder.trim()

    def _whole_of(self, parts: Iterable[PartName]) -> Iterator[PartName]:
        for part in parts:
            try:
                is_whole = self._folder.is_whole(part)
            except GoneError:
                continue
            if is_whole:
                yield part
            else:
                self._set_aside(part, "its bytes are not those that were written")

    # --- the rest ------------------------------------------------------------------------------------------------

    def standing(self) -> HistoryStanding:
        with self._memory:
            waiting = self._buffer.rows
        return HistoryStanding(
            waiting=waiting,
            flushed_at=self._flushed_at,
            problem=self._problem,
            damaged=self._damaged,
            away=self._folder.problem,
        )

    def close(self) -> None:
        try:
            self.flush()
        except RetryableError as error:
            _LOG.error("history_lost", extra={"samples": self.standing().waiting, "error": str(error)})
        with self._files:
            self._folder.close()
            self._parquet.close()

    def _refusal(self, what: str, error: OSError) -> RetryableError:
        if isinstance(error, AwayError):
            return UnreachableError(f"history: {self._folder} cannot be {what}: {error}", delay=RETRY)
        told = f"history: {self._folder} cannot be {what}: {error.strerror or error}"
        self._problem = f"{told}; free some room there, lower history.max_bytes, or set history.enabled: false"
        is_full = "no space left" in told.lower() or "quota" in told.lower()
        return (OverloadedError if is_full else UnreachableError)(self._problem, delay=RETRY)


def open_history(
    settings: HistorySettings, root: Path, *, clock: Clock, objects: ObjectStore | None = None
) -> ParquetHistory:
    """For the one engine that writes. Raises UnreachableError when the folder cannot be made; asks no object store."""
    folder = Folder(root)
    try:
        folder.open()
        lease = Lease(objects, _ident_of(root), clock) if objects is not None else None
        place = _place(settings, folder, root / CACHE, objects, clock=clock, lease=lease)
        place.open()
        damaged = place.damaged()
    except OSError as error:
        raise UnreachableError(
            f"history: {root} cannot be used: {error.strerror}; make it writable, or set history.enabled: false"
        ) from error
    return ParquetHistory(settings, place, clock=clock, damaged=damaged)


def read_history(
    settings: HistorySettings, root: Path, *, cache: Path, clock: Clock, objects: ObjectStore | None = None
) -> ParquetHistory:
    """For reading only, also beside a running engine; `cache` is a folder of this reader alone.

    What an engine on another machine has not sent yet is not in it.
    """
    make_folder(root)
    return ParquetHistory(
        settings, _place(settings, Folder(root), cache, objects, clock=clock, lease=None), clock=clock
    )


def _place(
    settings: HistorySettings,
    folder: Folder,
    cache: Path,
    objects: ObjectStore | None,
    *,
    clock: Clock,
    lease: Lease | None,
) -> Place:
    if objects is None:
        return folder
    return FolderAndObjects(folder, Folder(cache), objects, settings=settings, clock=clock, lease=lease)


def _ident_of(root: Path) -> str:
    """Whose history this is: made once for a data directory."""
    path = root / OWNER_FILE
    if not path.is_file():
        write_durably(path, secrets.token_hex(8).encode())
    return path.read_text(encoding="ascii")


def _seconds(at_us: NDArray[np.int64]) -> NDArray[np.float64]:
    return at_us / 1e6

"""The files of the history on an object store, with a folder of this machine before it.

A file is first whole and durable in the folder, as without an object store; then it is sent, and its copy becomes part
of a bounded cache, from which DuckDB reads. While the store does not answer, files wait in the folder: nothing is lost,
and what is put together or removed waits as well. Without a lease (`lease.py`) it only reads.
"""

from __future__ import annotations

import logging
import os
import shutil
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from recoverops.model import ConflictError, NotFoundError, OutcomeUnknownError, RecoverOpsError, RetryableError
from recoverops.ports import Clock, ObjectStore
from recoverops.storage.history import upkeep
from recoverops.storage.history.folder import Folder
from recoverops.storage.history.lease import Lease
from recoverops.storage.history.names import DAMAGED, Level, PartName, day_of, folder_of, part_of
from recoverops.storage.history.place import AwayError, GoneError
from recoverops.storage.history.settings import HistorySettings
from recoverops.storage.put_once import put_once

_LOG = logging.getLogger("recoverops.history")
PAUSE = timedelta(seconds=30)
"""After no answer nobody waits for another one for so long."""
LISTED_FOR = timedelta(minutes=10)
AT_ONCE = 200
"""Files that one round sends at most."""
T = TypeVar("T")


class FolderAndObjects:
    """Implements `place.Place`. Not thread-safe; the history has a lock."""

    def __init__(
        self,
        folder: Folder,
        cache: Folder,
        objects: ObjectStore,
        *,
        settings: HistorySettings,
        clock: Clock,
        lease: Lease | None,
    ) -> None:
        self._folder = folder
        self._cache = cache
        self._objects = objects
        self._settings = settings
        self._clock = clock
        self._lease = lease
        self._kept: dict[PartName, int] | None = None
        """What the store has, and how many bytes; None while it was never listed."""
        self._aside: set[str] = set()
        self._listed_at: datetime | None = None
        self._pause_until: datetime | None = None
        self._silence = ""
        self._copied: int | None = None
        """Bytes of the cache, at most; None while they were never counted."""
        self.problem = ""

    def __str__(self) -> str:
        return self._objects.url

    @property
    def root(self) -> Path:
        return self._folder.root

    def open(self) -> None:
        self._folder.open()
        self._cache.open()

    # --- what there is --------------------------------------------------------------------------------------------

    def uri(self, part: PartName) -> str:
        return self._folder.uri(part) if self._waits(part) else self._cache.uri(part)

    def days(self) -> tuple[date, ...]:
        return tuple(sorted({part.day for part in self.parts()}))

    def parts(self) -> tuple[PartName, ...]:
        return tuple(sorted({*self._folder.parts(), *self._known()}))

    def newest_us(self) -> int:
        return max((part.written_us for part in (*self._folder.parts(), *(self._kept or ()))), default=0)

    def size_of(self, part: PartName) -> int:
        return self._folder.size_of(part) if self._waits(part) else self._known()[part]

    def is_whole(self, part: PartName) -> bool:
        """A copy that is damaged on this machine is fetched anew; only the store decides."""
        if self._waits(part):
            return self._folder.is_whole(part)
        copy = Path(self._cache.uri(part))
        if copy.is_file() and self._cache.is_whole(part):
            os.utime(copy)
            return True
        data = self._fetched(part)
        if zlib.crc32(data) != part.crc:
            return False
        self._copy(part, data)
        return True

    def damaged(self) -> tuple[str, ...]:
        return (*self._folder.damaged(), *sorted(f"{self._objects.url}/{key}" for key in self._aside))

    def _waits(self, part: PartName) -> bool:
        return Path(self._folder.uri(part)).is_file()

    def _known(self) -> dict[PartName, int]:
        """Listed now and then: somebody else may remove objects. While nobody answers the last list counts."""
        now = self._clock.now()
        if self._kept is None or self._listed_at is None or now >= self._listed_at + LISTED_FOR:
            try:
                self._list()
            except AwayError:
                if self._kept is None:
                    raise
        assert self._kept is not None, "a list was made, or the error went on"
        return self._kept

    def _list(self) -> None:
        found: dict[PartName, int] = {}
        aside: set[str] = set()
        for entry in self._asked(lambda: self._objects.list("day=")):
            folder, _, file = entry.key.partition("/")
            day = day_of(folder)
            if day is None:
                continue
            if (part := part_of(day, file)) is not None:
                found[part] = entry.size
            elif file.endswith(DAMAGED):
                aside.add(entry.key)
        self._kept, self._aside, self._listed_at = found, aside, self._clock.now()

    def _fetched(self, part: PartName) -> bytes:
        try:
            return self._asked(lambda: self._objects.get(part.path)).data
        except NotFoundError as error:
            self._known().pop(part, None)
            raise GoneError(f"{self._objects.url}/{part.path} is not there any more") from error

    # --- writing --------------------------------------------------------------------------------------------------

    def put(self, day: date, hour: int, level: Level, *, written_us: int, fill: Callable[[str], None]) -> PartName:
        return self._folder.put(day, hour, level, written_us=written_us, fill=fill)

    def remove(self, part: PartName) -> None:
        """One that was sent goes only when everything is sent: what takes its place is there before."""
        if self._waits(part):
            self._folder.remove(part)
            return
        self._send()
        self._asked(lambda: self._objects.delete(part.path))
        self._known().pop(part, None)
        self._cache.remove(part)

    def remove_day(self, day: date) -> None:
        self._hold()
        for entry in self._asked(lambda: self._objects.list(f"{folder_of(day)}/")):
            key = entry.key
            self._asked(lambda key=key: self._objects.delete(key))  # type: ignore[misc]
            self._aside.discard(key)
        self._kept = {part: size for part, size in self._known().items() if part.day != day}
        for folder in (self._folder, self._cache):
            shutil.rmtree(folder.root / folder_of(day), ignore_errors=True)

    def set_aside(self, part: PartName) -> str:
        if self._waits(part):
            return self._folder.set_aside(part)
        key = f"{part.path}{DAMAGED}"
        self._cache.remove(part)
        if self._lease is not None:
            with suppress(AwayError, GoneError):  # then it is met again
                data = self._fetched(part)
                self._hold()
                self._put_new(key, data)
                self._asked(lambda: self._objects.delete(part.path))
                self._aside.add(key)
        self._known().pop(part, None)
        return f"{self._objects.url}/{key}"

    def trim(self) -> None:
        """Copies that were used longest ago go first; some more than needed, so that they are not counted each time."""
        most = self._settings.cache_bytes
        if self._copied is not None and self._copied <= most:
            return
        sizes = {part: self._cache.size_of(part) for part in self._cache.parts()}
        self._copied = sum(sizes.values())
        if self._copied <= most:
            return
        for part in sorted(sizes, key=lambda one: Path(self._cache.uri(one)).stat().st_mtime_ns):
            if self._copied <= most - most // 8:
                return
            self._copied -= sizes[part]
            self._cache.remove(part)

    def _copy(self, part: PartName, data: bytes) -> None:
        self._cache.keep(part, data)
        if self._copied is not None:
            self._copied += len(data)

    def tend(self) -> None:
        self.trim()
        if self._lease is None:
            return
        try:
            self._send(most=AT_ONCE)
            self.problem = ""
        except AwayError as error:
            waiting = self._folder.parts()
            self.problem = f"{error}; {len(waiting)} files wait in {self._folder}"
            self._bound(waiting)

    def close(self) -> None:
        with suppress(OSError):
            self.tend()
            if self._lease is not None and not self.problem:
                self._asked(self._lease.give_up)

    def _hold(self) -> None:
        """Raises AwayError when it is another engine's turn."""
        lease = self._lease
        if lease is None:
            raise AwayError(f"{self._objects.url} is only read here")
        try:
            self._asked(lease.hold)
        except ConflictError as error:
            raise AwayError(str(error)) from error

    def _send(self, *, most: int | None = None) -> None:
        """Raises AwayError; what was sent until then is sent."""
        self._hold()
        self._known()  # so that it is known when the store goes away
        for part in self._folder.parts()[:most]:
            if not self._folder.is_whole(part):
                self._folder.set_aside(part)
                continue
            data = Path(self._folder.uri(part)).read_bytes()
            self._hold()
            self._put_new(part.path, data)
            self._copy(part, data)
            self._folder.remove(part)
            self._known()[part] = len(data)

    def _put_new(self, key: str, data: bytes) -> None:
        """That it is there already is fine: we died before we knew."""
        try:
            self._asked(lambda: put_once(self._objects, key, data, over=None))
        except ConflictError as error:
            if self._asked(lambda: self._objects.get(key)).data != data:
                raise AwayError(f"{self._objects.url}/{key} is there with another content: {error}") from error

    def _bound(self, waiting: tuple[PartName, ...]) -> None:
        """What waits is kept within `history.max_bytes`: the oldest goes, and is lost, which is said."""
        sizes = {part: self._folder.size_of(part) for part in waiting}
        for part in upkeep.too_much(sizes, max_bytes=self._settings.max_bytes):
            self._folder.remove(part)
            _LOG.error("history_lost_unsent", extra={"file": part.path, "bytes": sizes[part], "error": self.problem})

    def _asked(self, work: Callable[[], T]) -> T:
        """Raises AwayError, NotFoundError and ConflictError; a silent store is not asked again at once."""
        now = self._clock.now()
        if self._pause_until is not None and now < self._pause_until:
            raise AwayError(self._silence)
        try:
            return work()
        except (NotFoundError, ConflictError):
            raise
        except RecoverOpsError as error:
            if isinstance(error, RetryableError | OutcomeUnknownError):
                self._pause_until, self._silence = now + PAUSE, str(error)
            raise AwayError(str(error)) from error

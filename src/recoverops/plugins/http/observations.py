"""Which services are observed closer, until when, and what was before. A note in the journal for each, first of all.

The note is durable before anything is raised and goes last, so whatever happens in between is restored: by undo, or by
`restore_due` when its time is over, also after a crash. A level that somebody else has set since is left alone.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from recoverops.model import PermanentError, Record, UnreachableError, digest
from recoverops.plugins.http.log_level import LogLevel
from recoverops.plugins.http.rates import Rates
from recoverops.ports import Clock

_SUFFIX = ".observed"


class Note(Record, frozen=True, kw_only=True):
    """What was raised for one service."""

    service: str
    until: datetime
    level_before: str = ""
    """Empty when the service has no declared log level."""
    level_raised: str = ""


class Standing(Record, frozen=True, kw_only=True):
    """How one service is observed now."""

    note: Note | None
    level: str
    """As its page says now; empty when it has none."""


class Observations:
    """Thread-safe. Every method that touches a service raises `UnreachableError` or `PermanentError`."""

    def __init__(
        self, folder: str, *, rates: Rates, levels: Mapping[str, LogLevel], every: timedelta, clock: Clock
    ) -> None:
        """Takes up the notes that are there already; they keep their time."""
        self._folder = Path(folder)
        self._rates = rates
        self._levels = levels
        self._every = every
        self._clock = clock
        self._lock = threading.Lock()
        with _journal(folder):
            for note in self._notes():
                rates.raise_to(note.service, every)

    def raised_level(self, service: str) -> str:
        """What its log level becomes; empty when it has none."""
        level = self._levels.get(service)
        return "" if level is None else level.raised

    def standing(self, service: str) -> Standing:
        with self._lock, _journal(str(self._folder)):
            return Standing(note=self._note(service), level=self._level(service))

    def notes(self) -> dict[str, Note]:
        with self._lock, _journal(str(self._folder)):
            return {note.service: note for note in self._notes()}

    def begin(self, service: str, *, before: str, until: datetime) -> None:
        """Raises rate and level. `before` is the level that will be restored."""
        raised = self.raised_level(service)
        note = Note(service=service, until=until, level_before=before, level_raised=raised)
        with self._lock, _journal(str(self._folder)):
            self._keep(note)
            self._rates.raise_to(service, self._every)
            if raised and self._level(service) != raised:
                self._levels[service].write(raised)

    def end(self, service: str, *, before: str) -> None:
        """Restores rate and level."""
        with self._lock, _journal(str(self._folder)):
            self._rates.lower(service)
            if before and self._level(service) != before:
                self._levels[service].write(before)
            self._forget(service)

    def restore_due(self) -> dict[str, str]:
        """Ends what has lasted long enough; what could not be restored, with the reason, is tried again next time."""
        now, troubles = self._clock.now(), {}
        for note in self.notes().values():
            if note.until > now:
                continue
            try:
                self._restore(note)
            except (UnreachableError, PermanentError) as error:
                troubles[note.service] = str(error)
        return troubles

    def _restore(self, note: Note) -> None:
        has_page = note.level_before != "" and note.service in self._levels
        if has_page and self.standing(note.service).level != note.level_raised:
            self.end(note.service, before="")  # somebody chose another level since; that one stays
            return
        self.end(note.service, before=note.level_before if has_page else "")

    def _level(self, service: str) -> str:
        level = self._levels.get(service)
        return "" if level is None else level.read()

    def _file(self, service: str) -> Path:
        return self._folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', service)[:80]}-{digest(service)[:12]}{_SUFFIX}"

    def _note(self, service: str) -> Note | None:
        return next((note for note in self._notes() if note.service == service), None)

    def _notes(self) -> Iterator[Note]:
        for name in sorted(os.listdir(self._folder)):
            if name.endswith(_SUFFIX):
                try:
                    yield msgspec.json.decode((self._folder / name).read_bytes(), type=Note)
                except msgspec.DecodeError as error:
                    raise PermanentError(
                        f"{self._folder / name} is no note of RecoverOps ({error}); look at it, and remove it"
                    ) from error

    def _keep(self, note: Note) -> None:
        path = self._file(note.service)
        beside = path.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(msgspec.json.encode(note))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync(self._folder)

    def _forget(self, service: str) -> None:
        self._file(service).unlink(missing_ok=True)
        _sync(self._folder)


@contextmanager
def _journal(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreachableError(f"the journal {folder} cannot be used: {error.strerror}") from error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

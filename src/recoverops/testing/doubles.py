"""Doubles for tests, named so: a notifier that records, a source with a script, a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from recoverops.model import Notification, RecoverOpsError, Sample


class RecordingNotifier:
    """A double of `ports.Notifier`: remembers what it was told, after failing as often as it was asked to."""

    def __init__(self, name: str = "recording", *, failures: Iterable[RecoverOpsError] = ()) -> None:
        self.name = name
        self._failures = list(failures)
        self._lock = threading.Lock()
        self._sent: list[tuple[str, Notification]] = []

    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        with self._lock:
            if self._failures:
                raise self._failures.pop(0)
            self._sent.append((idempotency_key, notification))

    @property
    def sent(self) -> tuple[Notification, ...]:
        return tuple(notification for _, notification in self.deliveries)

    @property
    def deliveries(self) -> tuple[tuple[str, Notification], ...]:
        """Each with its idempotency key, in order."""
        with self._lock:
            return tuple(self._sent)


class ScriptedSource:
    """A double of `ports.Source`: answers the polls with the script, and with its last entry when it has ended."""

    def __init__(
        self,
        script: Sequence[Sequence[Sample] | RecoverOpsError],
        *,
        name: str = "scripted",
        every: timedelta = timedelta(seconds=1),
    ) -> None:
        if not script:
            raise ValueError("a script needs at least one entry; give [()] for a source that never sees anything")
        self.name = name
        self._every = every
        self._script = tuple(script)
        self.polls = 0

    @property
    def every(self) -> timedelta:
        return self._every

    def poll(self) -> tuple[Sample, ...]:
        entry = self._script[min(self.polls, len(self._script) - 1)]
        self.polls += 1
        if isinstance(entry, RecoverOpsError):
            raise entry
        return tuple(entry)


class ManualClock:
    """A double of `ports.Clock`: time passes only when it is told to, or when somebody sleeps."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"{start} has no zone; give aware UTC")
        self._lock = threading.Lock()
        self._start = start
        self._passed = timedelta(0)

    def now(self) -> datetime:
        with self._lock:
            return self._start + self._passed

    def monotonic(self) -> float:
        with self._lock:
            return self._passed.total_seconds()

    def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=max(0.0, seconds)))

    def advance(self, duration: timedelta) -> None:
        with self._lock:
            self._passed += duration

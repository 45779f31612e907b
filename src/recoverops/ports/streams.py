"""Streams of log records, events and alerts: how they are read, and how it is remembered how far.

At-least-once from the other side, counted once here: what a batch brought and the new mark are committed together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from recoverops.model.event import Event, EventKind, StoredEvent
from recoverops.model.resource import Resource
from recoverops.model.stream import Batch, LogCount, Mark, StreamParts


class StreamSource(Protocol):
    """Asked every `every` by one worker, one part after the other. Several engines share the parts by leases."""

    @property
    def name(self) -> str: ...

    @property
    def every(self) -> timedelta: ...

    def parts(self, known: Sequence[Mark]) -> StreamParts:
        """What may be read now. `known`: every mark of this source, those of other engines included.

        Raises `UnreachableError` when the other side did not answer.
        """

    def poll(self, part: str, position: str) -> Batch:
        """What follows `position` in this part, bounded in size and time (some ten seconds at most).

        The same position must lead to the same records again: after a crash, or when the commit was refused, the
        batch is dropped and asked for anew. Raises `UnreachableError`, and what the other side refused.
        """

    def committed(self, batch: Batch) -> None:
        """After the durable commit; the place to confirm `batch.receipts`. When it fails, they are delivered again."""


class StreamStore(Protocol):
    """Marks, leases and counts. Part of the transaction that it is asked in."""

    def marks(self, source: str) -> tuple[Mark, ...]:
        """In the order of their parts."""

    def readers(self, source: str, *, now: datetime) -> tuple[str, ...]:
        """Who reads this source now, in order."""

    def attend(self, source: str, owner: str, *, now: datetime, until: datetime) -> None:
        """Says that `owner` reads this source until then, and forgets whose time is over."""

    def claim(self, source: str, part: str, *, owner: str, now: datetime, until: datetime) -> Mark:
        """Takes a part that nobody holds, whose lease is over, or that is `owner`'s; the fence is raised.

        Raises ConflictError when somebody else holds it.
        """

    def advance(self, mark: Mark, *, position: str, is_finished: bool, until: datetime) -> Mark:
        """Moves the mark on and extends the lease, compare-and-set on owner, fence and position.

        Raises ConflictError when it was taken by somebody else.
        """

    def release(self, mark: Mark) -> None:
        """Lets go of it, if it is still held with this fence."""

    def forget(self, source: str, parts: Iterable[str]) -> None:
        """Removes finished marks."""

    def new_among(self, source: str, ids: Collection[str], *, at: datetime) -> frozenset[str]:
        """Remembers these ids of records; those that were not known before."""

    def add_counts(self, source: str, counts: Iterable[LogCount]) -> None: ...

    def counts(self, source: str, *, since: datetime) -> tuple[LogCount, ...]:
        """Of minutes at or after `since`, in order."""


class EventStore(Protocol):
    """What was changed, and by whom."""

    def add(self, events: Sequence[Event], *, at: datetime) -> int:
        """Stores those whose id is new; how many they were."""

    def listed(
        self,
        *,
        kinds: Sequence[EventKind] | None = None,
        resource: Resource | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> tuple[StoredEvent, ...]:
        """Newest first, by `at` and then by their coming; from `since` on, up to and with `until`.

        `before`: the `seq` of the last one of the page before. Raises NotFoundError when it is gone.
        """

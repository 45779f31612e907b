"""Durable work, as the pipeline and the use cases see it. `workflows` implements it on DBOS and in virtual time.

The response is a plain function `respond(ctx, key) -> None`. It must be deterministic in what `ctx` returned to it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from recoverops.model import SegmentKey
from recoverops.ports.store import Tx

T = TypeVar("T")


class WorkflowContext(Protocol):
    """Handed to the running segment. Names are unique within a segment and stable across releases."""

    def step(self, name: str, fn: Callable[[], T], *, returns: Any) -> T:
        """Run `fn` and remember its result. Runs again after a crash inside it, so `fn` finds out what it did before.

        `returns` is the type of the result (a record, a tuple of records, str, bool, None): it is stored as JSON.
        """

    def tx(self, name: str, fn: Callable[[Tx], T], *, returns: Any) -> T:
        """Run `fn` in one transaction of the store; its rows and the memory of its result commit together."""

    def sleep(self, duration: timedelta) -> None:
        """At most 60 s; longer waits are parked in a `wait` row and end the segment. Nothing where it is not positive.

        Not remembered: a memory costs more than most waits. After a crash the caller computes the rest from what is
        stored.
        """

    def now(self, name: str) -> datetime:
        """The time, remembered: the same again after a crash."""


Respond = Callable[[WorkflowContext, SegmentKey], None]


class Engine(Protocol):
    def start(self, key: SegmentKey) -> None:
        """Run the segment unless it has been started before. Returns at once; idempotent on the key."""

    def is_running(self, key: SegmentKey) -> bool:
        """True while the segment is queued or running in this process."""

    def stop(self, *, timeout: timedelta) -> None:
        """Start nothing new, give running segments `timeout` to reach their next checkpoint, then return."""

"""Durable work, as the pipeline and the use cases see it. `workflows` implements it on threads and in virtual time.

The response is a plain function `respond(ctx, key) -> None`. Nothing is remembered of it but what it stores: after a
crash it runs again from its beginning, finds in the store what was done, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, TypeVar

from recoverops.model import SegmentKey, Severity
from recoverops.ports.store import Tx

T = TypeVar("T")


class WorkflowContext(Protocol):
    """Handed to the running segment. Names say where it is, in the log and in tests that let it crash there."""

    def read(self, name: str, fn: Callable[[Tx], T]) -> T:
        """Ask the store. Waits while the store is away or out of room, until the engine stops."""

    def tx(self, name: str, fn: Callable[[Tx], T], *, is_owed: bool = False) -> T:
        """Run `fn` in one transaction of the store. Waits like `read`.

        `fn` may run again although it was committed, when the answer of the database was lost; so it begins by finding
        out what stands. `is_owed`: it follows from what was done already, so it is done while the engine stops as well.
        """

    def step(self, name: str, fn: Callable[[], T], *, is_owed: bool = False) -> T:
        """Run what touches the world. It may run again after a crash inside it, so `fn` finds out what it did before.

        It is not begun when the engine stops, unless it `is_owed`: its intent stands, and nobody could tell later
        whether it was followed.
        """

    def sleep(self, duration: timedelta) -> None:
        """At most 60 s; longer waits are parked in a `wait` row and end the segment. Nothing where it is not positive.

        After a crash the caller computes the rest from what is stored.
        """


Respond = Callable[[WorkflowContext, SegmentKey], None]


class Start(Protocol):
    """`Engine.start` of a segment whose incident is at hand."""

    def __call__(self, key: SegmentKey, *, severity: Severity) -> None: ...


class Engine(Protocol):
    def start(self, key: SegmentKey, *, severity: Severity = Severity.CRITICAL) -> None:
        """Run the segment unless it runs or is queued already. Returns at once. One that has ended may be started
        again: it finds that it is over.

        Of those that are queued the worst is run first, of equally bad ones the one that was queued first. So a low
        one waits for as long as there are worse ones that wait, and no longer; nothing that runs is pushed aside. One
        that became worse while it was queued moves up when it is started again. A person who asks for a run waits for
        it: that is the default.
        """

    def is_running(self, key: SegmentKey) -> bool:
        """True while the segment is queued or running in this process."""

    def stop(self, *, timeout: timedelta) -> None:
        """Start nothing new, give running segments `timeout` to get to where they may be cut off, then return."""

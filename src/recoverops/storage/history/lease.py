"""Whose turn it is to write below a prefix of an object store: one engine at a time, told by an object there.

The object names its owner and until when. Whoever cannot renew it stops writing; another engine may take it only after
that time and a margin for clocks that differ. Names of files are never used twice, so even two that write at once
overwrite nothing; what the lease prevents is that one puts together or removes what the other still counts on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from recoverops.model import ConflictError, NotFoundError, OutcomeUnknownError
from recoverops.ports import Clock, ObjectStore

OWNER = "owner.json"
LASTS, MARGIN = timedelta(minutes=10), timedelta(minutes=2)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """What the object holds."""

    id: str
    """Of a data directory; made once and kept there."""
    until: datetime


class Lease:
    """Not thread-safe; its owner has a lock."""

    def __init__(self, objects: ObjectStore, ident: str, clock: Clock) -> None:
        self._objects = objects
        self._id = ident
        self._clock = clock
        self._tag: str | None = None
        self._until: datetime | None = None

    def hold(self) -> None:
        """Take it or renew it; asks nobody while more than half of it is left.

        Raises `ConflictError` when it is another engine's, and what the object store raises.
        """
        now = self._clock.now()
        if self._until is not None and now < self._until - LASTS / 2:
            return
        if self._tag is None or self._until is None or now >= self._until:
            self._look(now)
        self._write(now + LASTS)

    def give_up(self) -> None:
        """So that the next one need not wait. Raises what the object store raises."""
        if self._until is not None:
            self._write(self._clock.now() - MARGIN)
            self._until = None

    def _look(self, now: datetime) -> None:
        """Whose it is; `_tag` is what it may be replaced over."""
        self._until = None
        try:
            found = self._objects.get(OWNER)
        except NotFoundError:
            self._tag = None
            return
        try:
            owner = msgspec.json.decode(found.data, type=Owner)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConflictError(
                f"{self._objects.url}/{OWNER} does not say whose history this is ({error}); remove it when no other "
                "engine writes there"
            ) from error
        if owner.id != self._id and now < owner.until + MARGIN:
            raise ConflictError(
                f"{self._objects.url} is the history of another engine (data directory {owner.id}) until "
                f"{owner.until:%Y-%m-%d %H:%M:%S} UTC; give each engine a prefix of its own. If that engine is gone, "
                "this one takes it over by itself then"
            )
        self._tag = found.tag

    def _write(self, until: datetime) -> None:
        data = msgspec.json.encode(Owner(id=self._id, until=until))
        try:
            self._tag = self._objects.put(OWNER, data, over=self._tag)
        except (ConflictError, OutcomeUnknownError):
            self._until = None  # looked at again before the next write
            raise
        self._until = until

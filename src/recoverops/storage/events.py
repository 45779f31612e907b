"""Events after their durable write, newest first, and which resources they are about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from recoverops.model import NotFoundError, Resource, from_json, to_json
from recoverops.model.event import Event, EventKind, StoredEvent
from recoverops.storage.schema import event, event_resource
from recoverops.storage.statements import insert_unless_there

_ADD = insert_unless_there(event, returning=event.c.dedup_key)
_SEQS = sa.select(event.c.dedup_key, event.c.seq).where(event.c.dedup_key.in_(sa.bindparam("keys", expanding=True)))
_STORED = sa.select(event.c.seq, event.c.received_at, event.c.record).order_by(event.c.at.desc(), event.c.seq.desc())
_AT = sa.select(event.c.at).where(event.c.seq == sa.bindparam("seq"))


class SqlEvents:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, events: Sequence[Event], *, at: datetime) -> int:
        keyed = {one.dedup_key: one for one in reversed(events)}  # of two with one id the first counts
        if not keyed:
            return 0
        rows = [_row(key, keyed[key], at) for key in sorted(keyed, key=lambda key: (keyed[key].at, key))]
        new = set(self._connection.execute(_ADD[self._connection.dialect.name], rows).scalars())
        if not new:
            return 0
        seqs = {row.dedup_key: row.seq for row in self._connection.execute(_SEQS, {"keys": sorted(new)})}
        about = [
            {"event_seq": seqs[key], "resource": str(resource)}
            for key in sorted(new)
            for resource in dict.fromkeys(keyed[key].resources)
        ]
        if about:
            self._connection.execute(sa.insert(event_resource), about)
        return len(new)

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
        asked = _STORED.limit(limit)
        if kinds is not None:
            asked = asked.where(event.c.kind.in_([one.value for one in kinds]))
        if resource is not None:
            asked = asked.join(event_resource, event_resource.c.event_seq == event.c.seq).where(
                event_resource.c.resource == str(resource)
            )
        if since is not None:
            asked = asked.where(event.c.at >= since)
        if until is not None:
            asked = asked.where(event.c.at <= until)
        if before is not None:
            asked = asked.where(sa.tuple_(event.c.at, event.c.seq) < sa.tuple_(*self._place(before)))
        return tuple(
            StoredEvent(seq=seq, received_at=received_at, event=from_json(Event, record))
            for seq, received_at, record in self._connection.execute(asked)
        )

    def _place(self, seq: int) -> tuple[sa.ColumnElement[datetime], sa.ColumnElement[int]]:
        at = self._connection.execute(_AT, {"seq": seq}).scalar_one_or_none()
        if at is None:
            raise NotFoundError(f"there is no event {seq} to go on after; begin with the first page")
        return sa.literal(at, event.c.at.type), sa.literal(seq)


def _row(key: str, one: Event, at: datetime) -> dict[str, object]:
    return {
        "dedup_key": key,
        "source": one.source,
        "kind": one.kind.value,
        "at": one.at,
        "received_at": at,
        "record": to_json(one),
    }

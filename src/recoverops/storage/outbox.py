"""Notifications on their way: written in the transaction that they tell of, delivered after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter

import sqlalchemy as sa

from recoverops.model import (
    LONGEST_PAUSE,
    Delivery,
    DeliveryState,
    IncidentId,
    NotFoundError,
    Notification,
    from_json,
    to_json,
)
from recoverops.storage.schema import delivery
from recoverops.storage.statements import insert_unless_there, records

_MOST_LATER = 100
_POST = insert_unless_there(delivery)
_RECORD = sa.select(delivery.c.record)
# A literal, because only then the partial indexes `delivery_queue` and `delivery_due` answer it.
_PENDING = delivery.c.state == sa.literal_column("'pending'")
_ONLY = delivery.c.channel == sa.bindparam("only")
_WITHOUT = delivery.c.channel.not_in(sa.bindparam("without", expanding=True))
_QUEUE = (
    sa.select(delivery.c.seq, delivery.c.record)
    .where(_PENDING)
    .order_by(delivery.c.place, delivery.c.seq)
    .limit(sa.bindparam("limit"))
)
_QUEUE_ONLY, _QUEUE_WITHOUT = _QUEUE.where(_ONLY), _QUEUE.where(_WITHOUT)
_OF_INCIDENTS = (
    sa.select(delivery.c.seq, delivery.c.record)
    .where(
        delivery.c.incident_id.in_(sa.bindparam("incidents", expanding=True)),
        delivery.c.state == DeliveryState.PENDING.value,
    )
    .order_by(delivery.c.seq)
)
# Without the channel, for which SQLite would take the other index and sort all that waits.
_LATER = (
    _RECORD.where(_PENDING, delivery.c.next_at > sa.bindparam("now"), delivery.c.next_at <= sa.bindparam("until"))
    .order_by(delivery.c.next_at.desc())
    .limit(_MOST_LATER)
)
_COUNT = sa.select(sa.func.count()).select_from(delivery).where(_PENDING, _ONLY)
_OF_INCIDENT = _RECORD.where(delivery.c.incident_id == sa.bindparam("id")).order_by(delivery.c.seq)
_SAVE = (
    sa.update(delivery)
    .where(
        delivery.c.notification_id == sa.bindparam("b_notification_id"),
        delivery.c.channel == sa.bindparam("b_channel"),
    )
    .values(
        state=sa.bindparam("b_state"),
        next_at=sa.bindparam("b_next_at"),
        record=sa.bindparam("b_record"),
    )
)


class SqlOutbox:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def post(self, notification: Notification, *, channels: Sequence[str]) -> None:
        """At its place in the queue of every channel. Posting the same notification again changes nothing."""
        rows = [_row(_fresh(notification, channel)) for channel in channels]
        if rows:
            self._connection.execute(_POST[self._connection.dialect.name], rows)

    def due(
        self, now: datetime, *, limit: int, only: str | None = None, without: Collection[str] = ()
    ) -> tuple[Delivery, ...]:
        """In the order in which they are to be sent; none of a channel that pauses."""
        left_out = {*without, *(one.channel for one in self.pausing(now, only=only))}
        if only is not None:
            query, given = _QUEUE_ONLY, dict[str, object](limit=limit, only=only)
            if only in left_out:
                return ()
        elif left_out:
            query, given = _QUEUE_WITHOUT, dict[str, object](limit=limit, without=list(left_out))
        else:
            query, given = _QUEUE, dict[str, object](limit=limit)
        queue = self._numbered(query, given)
        # With room in it, it holds everything that waits.
        earlier = self._earlier(queue) if len(queue) == limit else sorted(queue, key=itemgetter(0))
        return in_turn(queue, earlier)[:limit]

    def pausing(self, now: datetime, *, only: str | None = None) -> tuple[Delivery, ...]:
        """Those that wait for another attempt: until then their channels pause. The one with the longest wait first.

        One that was tried at a time that is still to come was tried before the clock was set back, and holds up nobody.
        """
        found = records(self._connection, _LATER, Delivery, {"now": now, "until": now + LONGEST_PAUSE})
        return tuple(
            one for one in found if one.tried_at is not None and one.tried_at <= now and only in (None, one.channel)
        )

    def waiting(self, channel: str) -> int:
        return int(self._connection.execute(_COUNT, {"only": channel}).scalar_one())

    def _earlier(self, queue: Sequence[tuple[int, Delivery]]) -> Sequence[tuple[int, Delivery]]:
        incidents = {one.notification.incident_id for _, one in queue if one.notification.incident_id is not None}
        return self._numbered(_OF_INCIDENTS, {"incidents": sorted(incidents)})

    def _numbered(self, query: sa.Select[int, str], given: Mapping[str, object]) -> list[tuple[int, Delivery]]:
        rows = self._connection.execute(query, given)
        return [(seq, from_json(Delivery, record)) for seq, record in rows]

    def save(self, delivery: Delivery) -> None:
        row = {
            "b_notification_id": delivery.notification.id,
            "b_channel": delivery.channel,
            "b_state": delivery.state.value,
            "b_next_at": delivery.next_at,
            "b_record": to_json(delivery),
        }
        if self._connection.execute(_SAVE, row).rowcount != 1:
            raise NotFoundError(
                f'notification {delivery.notification.id} was never posted to "{delivery.channel}"; post it first'
            )

    def of_incident(self, incident_id: IncidentId) -> tuple[Delivery, ...]:
        return records(self._connection, _OF_INCIDENT, Delivery, {"id": incident_id})


def in_turn(queue: Iterable[tuple[int, Delivery]], waiting: Iterable[tuple[int, Delivery]]) -> tuple[Delivery, ...]:
    """The queue, each with its number, and before each what waits from earlier in the same incident and channel. Pure.

    `waiting` by their numbers. So what is urgent overtakes other incidents, and never the story of its own.
    """
    earlier: dict[tuple[IncidentId, str], deque[tuple[int, Delivery]]] = {}
    for seq, one in waiting:
        if one.notification.incident_id is not None:
            earlier.setdefault((one.notification.incident_id, one.channel), deque()).append((seq, one))
    turns: dict[int, Delivery] = {}
    for seq, one in queue:
        if one.notification.incident_id is not None:
            story = earlier.get((one.notification.incident_id, one.channel), deque())
            while story and story[0][0] < seq:
                turns.setdefault(*story.popleft())
        turns.setdefault(seq, one)
    return tuple(turns.values())


def _fresh(notification: Notification, channel: str) -> Delivery:
    return Delivery(
        notification=notification,
        channel=channel,
        state=DeliveryState.PENDING,
        attempts=0,
        next_at=notification.at,
    )


def _row(delivery: Delivery) -> dict[str, object]:
    return {
        "notification_id": delivery.notification.id,
        "channel": delivery.channel,
        "incident_id": delivery.notification.incident_id,
        "state": delivery.state.value,
        "next_at": delivery.next_at,
        "place": delivery.notification.place,
        "record": to_json(delivery),
    }

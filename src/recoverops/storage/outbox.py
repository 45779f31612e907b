"""Notifications on their way: written in the transaction that they tell of, delivered after it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from recoverops.model import Delivery, DeliveryState, IncidentId, NotFoundError, Notification, to_json
from recoverops.storage.schema import delivery
from recoverops.storage.statements import insert_unless_there, records

_POST = insert_unless_there(delivery)
_RECORD = sa.select(delivery.c.record)
# A literal, because only then the partial index `delivery_due` answers it.
_DUE = (
    _RECORD.where(delivery.c.state == sa.literal_column("'pending'"), delivery.c.next_at <= sa.bindparam("now"))
    .order_by(delivery.c.next_at, delivery.c.seq)
    .limit(sa.bindparam("limit"))
)
_DUE_ONLY = _DUE.where(delivery.c.channel == sa.bindparam("only"))
_DUE_WITHOUT = _DUE.where(delivery.c.channel.not_in(sa.bindparam("without", expanding=True)))
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
        """Due at once in every channel. Posting the same notification again changes nothing."""
        rows = [_row(_fresh(notification, channel)) for channel in channels]
        if rows:
            self._connection.execute(_POST[self._connection.dialect.name], rows)

    def due(
        self, now: datetime, *, limit: int, only: str | None = None, without: Collection[str] = ()
    ) -> tuple[Delivery, ...]:
        given = dict[str, object](now=now, limit=limit)
        if only is not None:
            return records(self._connection, _DUE_ONLY, Delivery, {**given, "only": only})
        if without:
            return records(self._connection, _DUE_WITHOUT, Delivery, {**given, "without": list(without)})
        return records(self._connection, _DUE, Delivery, given)

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
        "record": to_json(delivery),
    }

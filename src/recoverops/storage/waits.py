"""Responses that wait without a thread: one row an incident, taken by exactly one caller."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
import sqlalchemy as sa

from recoverops.model import IncidentId, Wait, to_json
from recoverops.storage.refusals import refused
from recoverops.storage.schema import parked_wait
from recoverops.storage.statements import first_record, insert_or_replace, records

_PARK = insert_or_replace(parked_wait, key="incident_id", columns=("due_at", "record"))
_RECORD = sa.select(parked_wait.c.record)
_OF_INCIDENT = _RECORD.where(parked_wait.c.incident_id == sa.bindparam("id"))
_OF_INCIDENTS = _RECORD.where(parked_wait.c.incident_id.in_(sa.bindparam("ids", expanding=True)))
_LISTED = _RECORD.order_by(parked_wait.c.due_at, parked_wait.c.incident_id)
_LOCKED = _OF_INCIDENT.with_for_update()
_DUE = _RECORD.where(parked_wait.c.due_at <= sa.bindparam("now")).order_by(
    parked_wait.c.due_at, parked_wait.c.incident_id
)
_MOVE = (
    sa.update(parked_wait)
    .where(parked_wait.c.incident_id == sa.bindparam("b_id"))
    .values(due_at=sa.bindparam("b_due_at"), record=sa.bindparam("b_record"))
)
_TAKE = sa.delete(parked_wait).where(parked_wait.c.incident_id == sa.bindparam("b_id"))


class SqlWaits:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def park(self, wait: Wait) -> None:
        row = {"incident_id": wait.incident_id, "due_at": wait.due_at, "record": to_json(wait)}
        with refused(f"incident {wait.incident_id} cannot be parked"):
            self._connection.execute(_PARK[self._connection.dialect.name], row)

    def of_incident(self, incident_id: IncidentId) -> Wait | None:
        return first_record(self._connection, _OF_INCIDENT, Wait, {"id": incident_id})

    def of_incidents(self, incident_ids: Collection[IncidentId]) -> tuple[Wait, ...]:
        return records(self._connection, _OF_INCIDENTS, Wait, {"ids": tuple(incident_ids)})

    def listed(self) -> tuple[Wait, ...]:
        return records(self._connection, _LISTED, Wait)

    def due(self, now: datetime) -> tuple[Wait, ...]:
        return records(self._connection, _DUE, Wait, {"now": now})

    def make_due(self, incident_id: IncidentId, *, at: datetime) -> bool:
        """A wait that is due earlier than `at` already stays as it is."""
        wait = first_record(self._connection, _LOCKED, Wait, {"id": incident_id})
        if wait is None:
            return False
        if wait.due_at > at:
            moved = msgspec.structs.replace(wait, due_at=at)
            self._connection.execute(_MOVE, {"b_id": incident_id, "b_due_at": at, "b_record": to_json(moved)})
        return True

    def take(self, incident_id: IncidentId) -> bool:
        return self._connection.execute(_TAKE, {"b_id": incident_id}).rowcount == 1

"""Decisions with every gate's verdict: written once, never changed."""

from __future__ import annotations

import sqlalchemy as sa

from recoverops.model import Decision, IncidentId, to_json
from recoverops.storage.refusals import refused
from recoverops.storage.schema import decision
from recoverops.storage.statements import in_turn, insert_unless_there, newest_time, records

_INSERT = insert_unless_there(decision)
_LAST_AT = newest_time(decision, decision.c.at)
_OF_INCIDENT = (
    sa.select(decision.c.record)
    .where(decision.c.incident_id == sa.bindparam("id"))
    .order_by(decision.c.at, decision.c.id)
)


class SqlDecisions:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, decision: Decision) -> None:
        row = {
            "id": decision.id,
            "incident_id": decision.incident_id,
            "at": in_turn(self._connection, _LAST_AT, decision.incident_id, decision.at),
            "record": to_json(decision),
        }
        with refused(f"decision {decision.id} on incident {decision.incident_id} cannot be stored"):
            self._connection.execute(_INSERT[self._connection.dialect.name], row)

    def of_incident(self, incident_id: IncidentId) -> tuple[Decision, ...]:
        return records(self._connection, _OF_INCIDENT, Decision, {"id": incident_id})

"""A person's yes or no: settled once, by compare-and-set from pending."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from recoverops.model import Approval, ApprovalId, ApprovalState, ConflictError, IncidentId, NotFoundError, to_json
from recoverops.storage.refusals import refused
from recoverops.storage.schema import approval
from recoverops.storage.statements import ends_with, first_record, in_turn, insert_unless_there, newest_time, records

_INSERT = insert_unless_there(approval)
_RECORD = sa.select(approval.c.record)
_GET = _RECORD.where(approval.c.id == sa.bindparam("id"))
_LAST_AT = newest_time(approval, approval.c.requested_at)
_PENDING = _RECORD.where(approval.c.state == ApprovalState.PENDING.value).order_by(
    approval.c.requested_at, approval.c.id
)
_ENDING = (
    _RECORD.where(ends_with(approval.c.id, "end"))
    .order_by(approval.c.requested_at.desc(), approval.c.id.desc())
    .limit(sa.bindparam("limit"))
)
_NEWEST_OF = (
    _RECORD.where(approval.c.incident_id == sa.bindparam("id"))
    .order_by(approval.c.requested_at.desc(), approval.c.id.desc())
    .limit(1)
)
_SETTLE = (
    sa.update(approval)
    .where(approval.c.id == sa.bindparam("b_id"), approval.c.state == ApprovalState.PENDING.value)
    .values(state=sa.bindparam("b_state"), record=sa.bindparam("b_record"))
)


class SqlApprovals:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, approval: Approval) -> None:
        row = {
            "id": approval.id,
            "incident_id": approval.incident_id,
            "state": approval.state.value,
            "requested_at": in_turn(self._connection, _LAST_AT, approval.incident_id, approval.requested_at),
            "record": to_json(approval),
        }
        with refused(f"approval {approval.id} for incident {approval.incident_id} cannot be stored"):
            if self._connection.execute(_INSERT[self._connection.dialect.name], row).rowcount == 1:
                return
        raise ConflictError(f"approval {approval.id} is stored already; settle it instead of inserting it again")

    def get(self, approval_id: ApprovalId) -> Approval:
        found = first_record(self._connection, _GET, Approval, {"id": approval_id})
        if found is None:
            raise NotFoundError(f"there is no approval {approval_id}; it may belong to another installation")
        return found

    def pending(self) -> tuple[Approval, ...]:
        return records(self._connection, _PENDING, Approval)

    def ending(self, end: str, *, limit: int) -> tuple[Approval, ...]:
        return records(self._connection, _ENDING, Approval, {"end": end, "limit": limit})

    def newest_of(self, incident_id: IncidentId) -> Approval | None:
        return first_record(self._connection, _NEWEST_OF, Approval, {"id": incident_id})

    def settle(
        self, approval_id: ApprovalId, state: ApprovalState, *, by: str, at: datetime, note: str = ""
    ) -> Approval:
        asked = self.get(approval_id)
        settled = msgspec.structs.replace(asked, state=state, decided_by=by, decided_at=at, note=note)
        row = {"b_id": approval_id, "b_state": state.value, "b_record": to_json(settled)}
        if self._connection.execute(_SETTLE, row).rowcount == 1:
            return settled
        answered = self.get(approval_id)
        raise ConflictError(
            f"approval {approval_id} was {answered.state} by {answered.decided_by} at {answered.decided_at}; "
            f"the answer {state} by {by} came too late"
        )

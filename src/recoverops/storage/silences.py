"""Silences: what people said is not to be acted on, and until when. Ended once, by compare-and-set."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from recoverops.model import ConflictError, NotFoundError, Silence, SilenceId, to_json
from recoverops.storage.refusals import refused
from recoverops.storage.schema import silence
from recoverops.storage.statements import first_record, insert_unless_there, records

_INSERT = insert_unless_there(silence)
_RECORD = sa.select(silence.c.record)
_GET = _RECORD.where(silence.c.id == sa.bindparam("id"))
_OVER_AFTER = _RECORD.where(
    silence.c.ends_at > sa.bindparam("at"),
    sa.or_(silence.c.ended_at.is_(None), silence.c.ended_at > sa.bindparam("at")),
).order_by(silence.c.starts_at, silence.c.id)
_ACTIVE = _OVER_AFTER.where(silence.c.starts_at <= sa.bindparam("at"), silence.c.ended_at.is_(None))
_NEWEST = _RECORD.order_by(silence.c.starts_at.desc(), silence.c.id.desc()).limit(sa.bindparam("limit"))
_END = (
    sa.update(silence)
    .where(silence.c.id == sa.bindparam("b_id"), silence.c.ended_at.is_(None), silence.c.ends_at > sa.bindparam("b_at"))
    .values(ended_at=sa.bindparam("b_at"), record=sa.bindparam("b_record"))
)


class SqlSilences:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, silence: Silence) -> None:
        row = {
            "id": silence.id,
            "starts_at": silence.starts_at,
            "ends_at": silence.ends_at,
            "ended_at": silence.ended_at,
            "record": to_json(silence),
        }
        with refused(f"silence {silence.id} of {silence.pattern} cannot be stored"):
            if self._connection.execute(_INSERT[self._connection.dialect.name], row).rowcount == 1:
                return
        raise ConflictError(f"silence {silence.id} is stored already; end it instead of inserting it again")

    def get(self, silence_id: SilenceId) -> Silence:
        found = first_record(self._connection, _GET, Silence, {"id": silence_id})
        if found is None:
            raise NotFoundError(f"there is no silence {silence_id}; `recoverops silences --all` lists them")
        return found

    def active(self, now: datetime) -> tuple[Silence, ...]:
        return records(self._connection, _ACTIVE, Silence, {"at": now})

    def over_after(self, at: datetime) -> tuple[Silence, ...]:
        return records(self._connection, _OVER_AFTER, Silence, {"at": at})

    def listed(self, *, limit: int = 100) -> tuple[Silence, ...]:
        return records(self._connection, _NEWEST, Silence, {"limit": limit})

    def end(self, silence_id: SilenceId, *, by: str, at: datetime) -> Silence:
        known = self.get(silence_id)
        ended = msgspec.structs.replace(known, ended_at=at, ended_by=by)
        row = {"b_id": silence_id, "b_at": at, "b_record": to_json(ended)}
        if self._connection.execute(_END, row).rowcount == 1:
            return ended
        known = self.get(silence_id)
        by_whom = f" by {known.ended_by}" if known.ended_by else ""
        raise ConflictError(
            f"silence {silence_id} ended already{by_whom} at {known.over_at:%Y-%m-%d %H:%M:%S} UTC; "
            "there is nothing left to end"
        )

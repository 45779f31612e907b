"""Streams: marks with leases and fences, which readers there are, which records were counted, and the counts.

Safety is the fence's, not the clock's: a commit under an older fence is refused whatever the time. The clock only says
when somebody else may take a part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from recoverops.model import ConflictError
from recoverops.model.stream import LogCount, Mark
from recoverops.storage.schema import EPOCH, log_count, stream_mark, stream_reader, stream_record
from recoverops.storage.statements import ByDialect, insert_unless_there

_MARKS = sa.select(stream_mark).where(stream_mark.c.source == sa.bindparam("source")).order_by(stream_mark.c.part)
_IS_PART = sa.and_(stream_mark.c.source == sa.bindparam("b_source"), stream_mark.c.part == sa.bindparam("b_part"))
_IS_HELD = sa.and_(
    _IS_PART, stream_mark.c.owner == sa.bindparam("b_owner"), stream_mark.c.fence == sa.bindparam("b_fence")
)
_MAKE = insert_unless_there(stream_mark)
_CLAIM = (
    sa.update(stream_mark)
    .where(
        _IS_PART,
        sa.or_(
            stream_mark.c.owner.in_(("", sa.bindparam("b_owner"))),
            stream_mark.c.until <= sa.bindparam("b_now", type_=stream_mark.c.until.type),
        ),
    )
    .values(
        owner=sa.bindparam("b_owner"),
        fence=stream_mark.c.fence + 1,
        until=sa.bindparam("b_until", type_=stream_mark.c.until.type),
    )
)
_ONE = sa.select(stream_mark).where(
    stream_mark.c.source == sa.bindparam("source"), stream_mark.c.part == sa.bindparam("part")
)
_ADVANCE = (
    sa.update(stream_mark)
    .where(_IS_HELD, stream_mark.c.position == sa.bindparam("b_expected"))
    .values(
        position=sa.bindparam("b_position"),
        is_finished=sa.bindparam("b_finished"),
        until=sa.bindparam("b_until", type_=stream_mark.c.until.type),
    )
)
_RELEASE = sa.update(stream_mark).where(_IS_HELD).values(owner="")
_FORGET = sa.delete(stream_mark).where(_IS_PART, stream_mark.c.is_finished.is_(sa.true()))

_READERS = (
    sa.select(stream_reader.c.owner)
    .where(
        stream_reader.c.source == sa.bindparam("source"),
        stream_reader.c.until > sa.bindparam("now", type_=stream_reader.c.until.type),
    )
    .order_by(stream_reader.c.owner)
)
_LEFT = sa.delete(stream_reader).where(
    stream_reader.c.source == sa.bindparam("b_source"),
    stream_reader.c.until <= sa.bindparam("b_now", type_=stream_reader.c.until.type),
)


def _attending() -> ByDialect:
    key = ["source", "owner"]
    small, large = sqlite.insert(stream_reader), postgresql.insert(stream_reader)
    return {
        "sqlite": small.on_conflict_do_update(index_elements=key, set_={"until": small.excluded["until"]}),
        "postgresql": large.on_conflict_do_update(index_elements=key, set_={"until": large.excluded["until"]}),
    }


def _counting() -> ByDialect:
    key = ["source", "minute", "resource", "what"]
    small, large = sqlite.insert(log_count), postgresql.insert(log_count)
    return {
        "sqlite": small.on_conflict_do_update(
            index_elements=key, set_={"records": log_count.c.records + small.excluded["records"]}
        ),
        "postgresql": large.on_conflict_do_update(
            index_elements=key, set_={"records": log_count.c.records + large.excluded["records"]}
        ),
    }


_ATTEND = _attending()
_COUNT = _counting()
_SEEN = sa.select(stream_record.c.id).where(stream_record.c.id.in_(sa.bindparam("ids", expanding=True)))
_REMEMBER = insert_unless_there(stream_record, returning=stream_record.c.id)
_WRITE_IDS = "INSERT OR IGNORE INTO stream_record (id, seen_at) VALUES (?, ?)"
_COUNTS = (
    sa.select(log_count.c.resource, log_count.c.what, log_count.c.minute, log_count.c.records)
    .where(
        log_count.c.source == sa.bindparam("source"),
        log_count.c.minute >= sa.bindparam("since", type_=log_count.c.minute.type),
    )
    .order_by(log_count.c.minute, log_count.c.resource, log_count.c.what)
)
_AT_ONCE = 5000
"""Ids that one question names."""


class SqlStreams:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def marks(self, source: str) -> tuple[Mark, ...]:
        return tuple(Mark(**row) for row in self._connection.execute(_MARKS, {"source": source}).mappings())

    def readers(self, source: str, *, now: datetime) -> tuple[str, ...]:
        return tuple(self._connection.execute(_READERS, {"source": source, "now": now}).scalars())

    def attend(self, source: str, owner: str, *, now: datetime, until: datetime) -> None:
        self._connection.execute(_LEFT, {"b_source": source, "b_now": now})
        self._connection.execute(
            _ATTEND[self._connection.dialect.name], {"source": source, "owner": owner, "until": until}
        )

    def claim(self, source: str, part: str, *, owner: str, now: datetime, until: datetime) -> Mark:
        made = Mark(source=source, part=part, until=now)
        self._connection.execute(_MAKE[self._connection.dialect.name], msgspec.structs.asdict(made))
        key = {"b_source": source, "b_part": part, "b_owner": owner, "b_now": now, "b_until": until}
        if self._connection.execute(_CLAIM, key).rowcount == 0:
            raise ConflictError(f"{part} of {source} is held by another engine; its lease has to end first")
        return Mark(**self._connection.execute(_ONE, {"source": source, "part": part}).mappings().one())

    def advance(self, mark: Mark, *, position: str, is_finished: bool, until: datetime) -> Mark:
        values = {
            **_held(mark),
            "b_expected": mark.position,
            "b_position": position,
            "b_finished": is_finished,
            "b_until": until,
        }
        if self._connection.execute(_ADVANCE, values).rowcount == 0:
            raise ConflictError(
                f"{mark.part} of {mark.source} was taken by another engine since (fence {mark.fence} is over); "
                "what was read is dropped, it is read there"
            )
        return msgspec.structs.replace(mark, position=position, is_finished=is_finished, until=until)

    def release(self, mark: Mark) -> None:
        self._connection.execute(_RELEASE, _held(mark))

    def forget(self, source: str, parts: Iterable[str]) -> None:
        rows = [{"b_source": source, "b_part": part} for part in parts]
        if rows:
            self._connection.execute(_FORGET, rows)

    def new_among(self, source: str, ids: Collection[str], *, at: datetime) -> frozenset[str]:
        """On PostgreSQL in the order of the keys, so that two engines cannot wait for each other crosswise."""
        keyed = {_key(source, one): one for one in ids}
        left = iter(sorted(keyed))
        new: list[str] = []
        while chunk := list(islice(left, _AT_ONCE)):
            new += (keyed[key] for key in self._remembered(chunk, at))
        return frozenset(new)

    def _remembered(self, keys: Sequence[bytes], at: datetime) -> Iterable[bytes]:
        if self._connection.dialect.name != "sqlite":
            rows = [{"id": key, "seen_at": at} for key in keys]
            return (bytes(key) for key in self._connection.execute(_REMEMBER["postgresql"], rows).scalars())
        # Mostly all are new, and SQLite has one writer: so they are written at once, and only when some were known
        # is asked which. SQLAlchemy's own handling of each row would take four times as long.
        attempt = self._connection.begin_nested()
        if self._written(keys, at) == len(keys):
            attempt.commit()
            return keys
        attempt.rollback()
        seen = set(self._connection.execute(_SEEN, {"ids": keys}).scalars())
        new = [key for key in keys if key not in seen]
        self._written(new, at)
        return new

    def _written(self, keys: Sequence[bytes], at: datetime) -> int:
        """How many of them were new. SQLite only."""
        if not keys:
            return 0
        micros = (at - EPOCH) // timedelta(microseconds=1)
        return self._connection.exec_driver_sql(_WRITE_IDS, [(key, micros) for key in keys]).rowcount

    def add_counts(self, source: str, counts: Iterable[LogCount]) -> None:
        rows = [{"source": source, **msgspec.structs.asdict(one)} for one in counts]
        if rows:
            rows.sort(key=lambda row: (row["minute"], row["resource"], row["what"]))
            self._connection.execute(_COUNT[self._connection.dialect.name], rows)

    def counts(self, source: str, *, since: datetime) -> tuple[LogCount, ...]:
        rows = self._connection.execute(_COUNTS, {"source": source, "since": since}).mappings()
        return tuple(LogCount(**row) for row in rows)


def _held(mark: Mark) -> dict[str, Any]:
    return {"b_source": mark.source, "b_part": mark.part, "b_owner": mark.owner, "b_fence": mark.fence}


def _key(source: str, ident: str) -> bytes:
    """16 bytes: two of a billion records fall together once in 10^20 times."""
    return blake2b(f"{len(source)}:{source}{ident}".encode(), digest_size=16).digest()

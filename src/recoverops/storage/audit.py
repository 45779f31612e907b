"""The audit log: a hash chain in a table whose rows can be neither changed nor deleted.

Triggers stop the honest mistake; the chain shows the dishonest one, who dropped them first. What is missing at the
tail only `anchor` can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from recoverops.model import GENESIS, AuditEntry, AuditLine, AuditReport, PermanentError, chain_hash
from recoverops.storage.refusals import refused
from recoverops.storage.schema import audit_entry
from recoverops.storage.serial import take_serial_lock

_PAGE = 1000

_INSERT = sa.insert(audit_entry)
_HEAD = sa.select(audit_entry).order_by(audit_entry.c.seq.desc()).limit(1)
_TAIL = sa.select(audit_entry.c.seq, audit_entry.c.hash).order_by(audit_entry.c.seq.desc()).limit(1)
_NEWEST = (
    sa.select(audit_entry)
    .where(
        audit_entry.c.subject == sa.bindparam("subject"),
        audit_entry.c.event.in_(sa.bindparam("events", expanding=True)),
    )
    .order_by(audit_entry.c.seq.desc())
    .limit(1)
)
_AFTER = (
    sa.select(audit_entry)
    .where(audit_entry.c.seq > sa.bindparam("after"))
    .order_by(audit_entry.c.seq)
    .limit(sa.bindparam("limit"))
)
_details = msgspec.json.Decoder(dict[str, str])


class SqlAudit:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def append(self, *, at: datetime, actor: str, event: str, subject: str, detail: Mapping[str, str]) -> AuditEntry:
        (entry,) = self._written([AuditLine(at=at, actor=actor, event=event, subject=subject, detail=detail)])
        return entry

    def append_all(self, lines: Sequence[AuditLine]) -> None:
        if lines:
            self._written(lines)

    def _written(self, lines: Sequence[AuditLine]) -> list[AuditEntry]:
        take_serial_lock(self._connection)
        seq, previous = self._connection.execute(_TAIL).first() or (0, GENESIS)
        entries: list[AuditEntry] = []
        for line in lines:
            entries.append(_sealed(line, seq=seq + 1, previous=previous))
            seq, previous = entries[-1].seq, entries[-1].hash
        with refused(f"audit entry {entries[0].seq} ({lines[0].event} {lines[0].subject}) cannot be written"):
            self._connection.execute(_INSERT, [_row(entry) for entry in entries])
        return entries

    def head(self) -> AuditEntry | None:
        row = self._connection.execute(_HEAD).first()
        return None if row is None else _entry(row)

    def newest(self, subject: str, *, events: Collection[str]) -> AuditEntry | None:
        row = self._connection.execute(_NEWEST, {"subject": subject, "events": tuple(events)}).first()
        return None if row is None else _entry(row)

    def entries(self, *, after: int = 0, limit: int = 1000) -> tuple[AuditEntry, ...]:
        rows = self._connection.execute(_AFTER, {"after": after, "limit": limit})
        return tuple(_entry(row) for row in rows)

    def verify(self) -> AuditReport:
        head, count = GENESIS, 0
        for row in self._walk():
            problem = _problem(row, seq=count + 1, previous=head)
            if problem:
                return AuditReport(entries=count, head=head, broken_at=count + 1, statement=problem)
            head, count = row.hash, count + 1
        return AuditReport(entries=count, head=head, statement=f"the chain of {count} entries is whole, head {head}")

    def _walk(self) -> Iterator[sa.Row[Any]]:
        after = -(2**62)  # also sees rows that were moved before the first
        while rows := self._connection.execute(_AFTER, {"after": after, "limit": _PAGE}).all():
            yield from rows
            after = rows[-1].seq


def _sealed(line: AuditLine, *, seq: int, previous: str) -> AuditEntry:
    at, detail = line.at.astimezone(UTC), dict(line.detail)
    return AuditEntry(
        seq=seq,
        at=at,
        actor=line.actor,
        event=line.event,
        subject=line.subject,
        detail=detail,
        previous=previous,
        hash=chain_hash(
            previous=previous,
            seq=seq,
            at=at,
            actor=line.actor,
            event=line.event,
            subject=line.subject,
            detail=detail,
        ),
    )


def _row(entry: AuditEntry) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(entry),
        "detail": msgspec.json.encode(entry.detail, order="sorted").decode(),
    }


def _problem(row: sa.Row[Any], *, seq: int, previous: str) -> str:
    """What is wrong with the row that should be entry `seq`; empty when nothing is."""
    if row.seq != seq:
        return f"entry {seq} is missing: the next stored entry is {row.seq}"
    if row.previous != previous:
        return f"entry {seq} does not follow the entry before it: something was removed, replaced or reordered"
    try:
        entry = _entry(row)
    except PermanentError as error:
        return str(error)
    line = AuditLine(at=entry.at, actor=entry.actor, event=entry.event, subject=entry.subject, detail=entry.detail)
    whole = _sealed(line, seq=seq, previous=previous)
    if whole.hash != row.hash:
        return f"entry {seq} was changed: its fields no longer give its hash"
    return ""


def _entry(row: sa.Row[Any]) -> AuditEntry:
    try:
        detail = _details.decode(row.detail)
    except msgspec.DecodeError as error:
        raise PermanentError(f"entry {row.seq} was changed: its detail is no longer a JSON object of text") from error
    return AuditEntry(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        event=row.event,
        subject=row.subject,
        detail=detail,
        previous=row.previous,
        hash=row.hash,
    )

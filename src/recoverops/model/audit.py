"""One link of the audit chain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recoverops.model.ids import digest
from recoverops.model.record import Record

GENESIS = "0" * 64

STOP_ENGAGED, STOP_CLEARED = "stop.engaged", "stop.cleared"
STOP_SUBJECT = "emergency-stop"
"""What is read again: where several hosts share a database, the last line about it says whether anything may act."""


class AuditLine(Record, frozen=True, kw_only=True):
    """What happened, before it has its place in the chain."""

    at: datetime
    actor: str
    event: str
    subject: str
    detail: Mapping[str, str]


class AuditEntry(Record, frozen=True, kw_only=True):
    seq: int
    at: datetime
    actor: str
    event: str
    subject: str
    detail: Mapping[str, str]
    previous: str
    """The hash of the entry before; GENESIS for the first."""
    hash: str


def chain_hash(
    *, previous: str, seq: int, at: datetime, actor: str, event: str, subject: str, detail: Mapping[str, str]
) -> str:
    """The hash that entry `seq` must carry. Covers every field and, through `previous`, every entry before."""
    pairs = (part for key in sorted(detail) for part in (key, detail[key]))
    return digest(previous, str(seq), at.isoformat(), actor, event, subject, *pairs)


class AuditReport(Record, frozen=True, kw_only=True):
    """What a verification of the chain found."""

    entries: int
    head: str
    broken_at: int | None = None
    """The first sequence number that does not fit; None when the chain is whole."""
    statement: str = ""

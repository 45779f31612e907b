"""Alerts after their durable write. Admitted by the intake's writer thread, then taken by the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from recoverops.model import Admission, Alert, AlertStatus, StoredAlert, from_json, to_json
from recoverops.storage.schema import signal
from recoverops.storage.statements import insert_unless_there

_ADMIT = insert_unless_there(signal, returning=signal.c.dedup_key)

_STORED = sa.select(signal.c.seq, signal.c.received_at, signal.c.record)

_PENDING = _STORED.where(signal.c.processed_at.is_(None)).order_by(signal.c.seq).limit(sa.bindparam("limit"))

_MARK = (
    sa.update(signal)
    .where(signal.c.seq == sa.bindparam("b_seq"), signal.c.processed_at.is_(None))
    .values(processed_at=sa.bindparam("b_at"))
)

# The inner select is answered from the index `signal_newest` alone.
_NEWEST = (
    sa.select(sa.func.max(signal.c.seq))
    .where(signal.c.processed_at.is_not(None))
    .group_by(signal.c.source, signal.c.fingerprint)
)
_FIRING = signal.c.status == AlertStatus.FIRING.value
_CURRENT = _STORED.where(signal.c.seq.in_(_NEWEST), _FIRING).order_by(signal.c.seq)
_CURRENT_SINCE = _STORED.where(
    signal.c.seq.in_(_NEWEST), sa.or_(_FIRING, signal.c.received_at >= sa.bindparam("since"))
).order_by(signal.c.seq)


class SqlSignals:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def admit(self, alerts: Sequence[Alert], *, at: datetime) -> Admission:
        return admit(self._connection, (alerts,), at=at)[0]

    def pending(self, *, limit: int) -> tuple[StoredAlert, ...]:
        return _stored(self._connection.execute(_PENDING, {"limit": limit}))

    def mark_processed(self, seqs: Sequence[int], *, at: datetime) -> None:
        if seqs:
            self._connection.execute(_MARK, [{"b_seq": seq, "b_at": at} for seq in seqs])

    def current(self, *, resolved_since: datetime | None = None) -> tuple[StoredAlert, ...]:
        if resolved_since is None:
            return _stored(self._connection.execute(_CURRENT))
        return _stored(self._connection.execute(_CURRENT_SINCE, {"since": resolved_since}))


def admit(connection: sa.Connection, deliveries: Sequence[Sequence[Alert]], *, at: datetime) -> tuple[Admission, ...]:
    """Store what is new of every delivery, in order; one answer for each of them."""
    keyed = [[(alert.dedup_key, alert) for alert in delivery] for delivery in deliveries]
    rows = [_row(key, alert, at) for delivery in keyed for key, alert in delivery]
    if not rows:
        return tuple(Admission(stored=0, duplicates=0) for _ in deliveries)
    new = set(connection.execute(_ADMIT[connection.dialect.name], rows).scalars())
    return tuple(_answer([key for key, _ in delivery], new) for delivery in keyed)


def _answer(keys: Sequence[str], new: set[str]) -> Admission:
    """Takes what it counts out of `new`: the first delivery of a group that brought a fact has stored it."""
    stored = 0
    for key in keys:
        if key in new:
            new.remove(key)
            stored += 1
    return Admission(stored=stored, duplicates=len(keys) - stored)


def _row(key: str, alert: Alert, at: datetime) -> dict[str, object]:
    return {
        "dedup_key": key,
        "source": alert.source,
        "fingerprint": alert.fingerprint,
        "status": alert.status.value,
        "received_at": at,
        "record": to_json(alert),
    }


def _stored(rows: sa.CursorResult[int, datetime, str]) -> tuple[StoredAlert, ...]:
    return tuple(
        StoredAlert(seq=seq, received_at=received_at, alert=from_json(Alert, record))
        for seq, received_at, record in rows
    )

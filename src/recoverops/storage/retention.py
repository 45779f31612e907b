"""What may go, and removes it in small batches. Called by `SqlStore.prune`; the audit log is never touched.

What goes is chosen on the read side, so that the writer is held only for the deletes. A row that was chosen stays one
that may go: a resolved incident is never opened again, and an alert that is not the newest never becomes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import AlertStatus, DeliveryState, Duration, Incident, IncidentState, from_json
from recoverops.storage.schema import (
    action_record,
    approval,
    decision,
    delivery,
    event,
    hypothesis,
    incident,
    log_count,
    parked_wait,
    reservation,
    run,
    signal,
    silence,
    stream_record,
    timeline_entry,
)

BATCH = 100
"""Rows that one transaction removes, give or take the incidents themselves."""
_SMALL_ROWS = 5000
"""As many of a table whose rows are a few bytes and come by the thousand a second."""
_LIMITS_KEPT = timedelta(days=31)
"""Reservations: longer than every window and cooldown that is counted over them."""


class RetentionSettings(BaseModel):
    """How long things are kept that are over. The audit log is kept whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    incidents: Duration = Field(
        default=timedelta(days=90),
        ge=timedelta(days=1),
        description="Resolved incidents, with everything that belongs to them: story, hypotheses, decisions, runs, "
        "approvals, deliveries; and silences that are over. At least 1d. Default 90d: a quarter's review.",
    )
    alerts: Duration = Field(
        default=timedelta(days=7),
        ge=timedelta(days=1),
        description="Alerts that the pipeline has taken. The newest of each alert is kept while it fires. At least 1d. "
        "Default 7d; the same delivery again after that counts as a new one.",
    )
    deliveries: Duration = Field(
        default=timedelta(days=30),
        ge=timedelta(days=1),
        description="Notifications that were sent or given up. At least 1d. Default 30d.",
    )
    events: Duration = Field(
        default=timedelta(days=30),
        ge=timedelta(days=1),
        description="Events that streams brought: deployments, changes, security. At least 1d. Default 30d.",
    )
    log_counts: Duration = Field(
        default=timedelta(days=7),
        ge=timedelta(hours=1),
        description="How many log records a minute each service had, by severity and sign. At least 1h. Default 7d.",
    )
    stream_ids: Duration = Field(
        default=timedelta(hours=1),
        ge=timedelta(minutes=5),
        description="How long is remembered which log records were counted: one that is delivered twice within it "
        "counts once. At least 5m. Default 1h; a record takes about 60 bytes, so 1,000 a second take some 200 MB.",
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one table, by their keys."""

    what: str
    column: sa.Column[Any]
    keys: tuple[Any, ...]


Doomed = tuple[Piece, ...]
"""What one batch removes, in an order in which nothing refers to what is gone."""


def choose(connection: sa.Connection, settings: RetentionSettings, *, now: datetime) -> Doomed:
    """At most `BATCH` rows, of incidents only when nothing else is left."""
    kinds = (
        ("alerts", signal.c.seq, _ALERTS, settings.alerts),
        ("deliveries", delivery.c.seq, _DELIVERIES, settings.deliveries),
        ("silences", silence.c.id, _SILENCES, settings.incidents),
        ("reservations", reservation.c.seq, _RESERVATIONS, _LIMITS_KEPT),
        ("events", event.c.seq, _EVENTS, settings.events),
        ("stream_ids", stream_record.c.id, _STREAM_IDS, settings.stream_ids),
        ("log_count_minutes", log_count.c.minute, _LOG_COUNTS, settings.log_counts),
    )
    for what, column, statement, kept in kinds:
        keys = tuple(connection.execute(statement, {"before": now - kept}).scalars())
        if keys:
            return (Piece(what, column, keys),)
    return _of_incidents(connection, before=now - settings.incidents)


def remove(connection: sa.Connection, doomed: Doomed) -> dict[str, int]:
    """How many rows of each kind went."""
    gone: dict[str, int] = {}
    for piece in doomed:
        count = connection.execute(sa.delete(piece.column.table).where(piece.column.in_(piece.keys))).rowcount
        gone[piece.what] = gone.get(piece.what, 0) + count
    return gone


def _before(
    key: sa.ColumnElement[Any],
    at: sa.ColumnElement[Any],
    *also: sa.ColumnElement[bool],
    order: Sequence[sa.ColumnElement[Any]] = (),
    limit: int = BATCH,
) -> sa.Select[Any]:
    """Keys of the first rows whose time is before `:before`, and of which the rest holds; the oldest when no order is
    given."""
    is_old = at < sa.bindparam("before", type_=at.type)
    return sa.select(key).where(is_old, *also).order_by(*(order or (at,))).limit(limit)


_OLD_ALERT, _NEWER = signal.alias(), signal.alias()
_ALERTS = _before(
    _OLD_ALERT.c.seq,
    _OLD_ALERT.c.received_at,
    _OLD_ALERT.c.processed_at.is_not(None),
    sa.or_(
        _OLD_ALERT.c.status == AlertStatus.RESOLVED.value,
        sa.exists().where(
            _NEWER.c.source == _OLD_ALERT.c.source,
            _NEWER.c.fingerprint == _OLD_ALERT.c.fingerprint,
            _NEWER.c.seq > _OLD_ALERT.c.seq,
            _NEWER.c.processed_at.is_not(None),
        ),
    ),
    order=[_OLD_ALERT.c.seq],  # an older firing one goes before or with the resolved one that outdates it
)
_DELIVERIES = _before(
    delivery.c.seq, delivery.c.next_at, delivery.c.state != DeliveryState.PENDING.value, order=[delivery.c.seq]
)
_SILENCES = _before(silence.c.id, silence.c.ends_at)
_RESERVATIONS = _before(reservation.c.seq, reservation.c.at)
_EVENTS = _before(event.c.seq, event.c.received_at)
_STREAM_IDS = _before(stream_record.c.id, stream_record.c.seen_at, limit=_SMALL_ROWS)
_LOG_COUNTS = _before(log_count.c.minute, log_count.c.minute, limit=1)
"""A minute with all that was counted in it."""
_RESOLVED_AT = {
    "sqlite": sa.func.json_extract(incident.c.record, "$.resolved_at"),
    "postgresql": sa.cast(incident.c.record, sa.JSON())["resolved_at"].as_string(),
}
"""It stands in the record alone."""
_TO_SECONDS = len("2026-01-31T12:00:00")
"""Of a time as records have it, in UTC: so much of it has the same length in all of them, and sorts as time does."""
_ENDED = {
    dialect: _before(
        incident.c.record,
        incident.c.opened_at,
        incident.c.state == IncidentState.RESOLVED.value,
        sa.func.substr(resolved_at, 1, _TO_SECONDS) <= sa.bindparam("second", type_=sa.Text()),
        order=[incident.c.opened_at, incident.c.id],
    )
    for dialect, resolved_at in _RESOLVED_AT.items()
}
"""The database passes over those that were open for long and are not due: however many, they keep nobody back."""


_ROWS: tuple[tuple[sa.Column[Any], sa.ColumnElement[bool]], ...] = (
    (
        action_record.c.key,
        action_record.c.run_id.in_(sa.select(run.c.id).where(run.c.incident_id == sa.bindparam("id"))),
    ),
    *(
        (column, column.table.c.incident_id == sa.bindparam("id"))
        for column in (
            run.c.id,
            decision.c.id,
            approval.c.id,
            timeline_entry.c.seq,
            delivery.c.seq,
            hypothesis.c.incident_id,
            parked_wait.c.incident_id,
        )
    ),
)
"""What belongs to an incident; children of children first."""
_KEYS = tuple((column, sa.select(column).where(belongs).limit(BATCH)) for column, belongs in _ROWS)


def _of_incidents(connection: sa.Connection, *, before: datetime) -> Doomed:
    """The rows of the oldest ones, as many as fit; the incident itself with its last rows."""
    keys: dict[sa.Column[Any], list[Any]] = {column: [] for column, _ in _KEYS}
    whole: list[str] = []
    room = BATCH
    for incident_id in _ended(connection, before=before):
        for column, statement in _KEYS:
            found = connection.execute(statement, {"id": incident_id}).scalars().all()[:room]
            keys[column] += found
            room -= len(found)
        if room <= 0:
            break
        whole.append(incident_id)
    pieces = [Piece("rows_of_incidents", column, tuple(found)) for column, found in keys.items()]
    pieces.append(Piece("incidents", incident.c.id, tuple(whole)))
    return tuple(piece for piece in pieces if piece.keys)


def _ended(connection: sa.Connection, *, before: datetime) -> tuple[str, ...]:
    """Those whose end is old enough; one that was open for long waits for its own time."""
    given = {"before": before, "second": before.astimezone(UTC).isoformat()[:_TO_SECONDS]}
    records = connection.execute(_ENDED[connection.dialect.name], given).scalars()
    found = (from_json(Incident, text) for text in records)
    return tuple(one.id for one in found if one.resolved_at is not None and one.resolved_at < before)

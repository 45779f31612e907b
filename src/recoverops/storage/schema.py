"""The tables as the code queries them. The migrations write the same tables out literally; a test compares the two.

A table has the columns that are asked for or enforced, and in `record` the whole record as versioned JSON
(`model.to_json`), from which it is read back. The audit log is the exception: every field is a column there, because
each of them is covered by the hash.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware time as whole microseconds since 1970, UTC: exact, and sorted alike by every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


metadata = sa.MetaData()

_Sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, **options)


def _sequence(name: str = "seq") -> sa.Column[int]:
    return sa.Column(name, _Sequence, primary_key=True, autoincrement=True)


def _time(name: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, UtcTime(), nullable=nullable, primary_key=primary_key)


def _incident(**options: Any) -> sa.Column[str]:
    return sa.Column("incident_id", sa.Text(), sa.ForeignKey("incident.id"), nullable=False, **options)


signal = sa.Table(
    "signal",
    metadata,
    _sequence(),
    _text("dedup_key", unique=True),
    _text("source"),
    _text("fingerprint"),
    _text("status"),
    _time("received_at"),
    _time("processed_at", nullable=True),
    _text("record"),
    sqlite_autoincrement=True,
)
sa.Index(
    "signal_pending",
    signal.c.seq,
    sqlite_where=signal.c.processed_at.is_(None),
    postgresql_where=signal.c.processed_at.is_(None),
)
sa.Index(
    "signal_newest",
    signal.c.source,
    signal.c.fingerprint,
    signal.c.seq,
    signal.c.processed_at,  # SQLite asks for it although the condition implies it; so the index answers alone
    sqlite_where=signal.c.processed_at.is_not(None),
    postgresql_where=signal.c.processed_at.is_not(None),
)

incident_transition = sa.Table(
    "incident_transition", metadata, _text("from_state", primary_key=True), _text("to_state", primary_key=True)
)

incident = sa.Table(
    "incident",
    metadata,
    _text("id", primary_key=True),
    _text("fingerprint"),
    _text("state"),
    _text("response"),
    _time("opened_at"),
    sa.Column("revision", sa.Integer(), nullable=False),
    _text("record"),
    sa.Index("incident_newest", "opened_at", "id"),
    sa.Index("incident_of_fingerprint", "fingerprint", "opened_at"),
    sa.Index("incident_newest_in_state", "state", "opened_at", "id"),
)
sa.Index(
    "incident_one_open",
    incident.c.fingerprint,
    unique=True,
    sqlite_where=incident.c.state != "resolved",
    postgresql_where=incident.c.state != "resolved",
)
sa.Index(
    "incident_due",
    incident.c.opened_at,
    sqlite_where=sa.and_(incident.c.response == "due", incident.c.state != "resolved"),
    postgresql_where=sa.and_(incident.c.response == "due", incident.c.state != "resolved"),
)

hypothesis = sa.Table(
    "hypothesis",
    metadata,
    _incident(primary_key=True),
    sa.Column("rank", sa.Integer(), primary_key=True),
    _text("record"),
)

timeline_entry = sa.Table(
    "timeline_entry",
    metadata,
    _sequence(),
    _incident(),
    _text("record"),
    sa.Index("timeline_entry_of_incident", "incident_id", "seq"),
    sqlite_autoincrement=True,
)

decision = sa.Table(
    "decision",
    metadata,
    _text("id", primary_key=True),
    _incident(),
    _time("at"),
    _text("record"),
    sa.Index("decision_of_incident", "incident_id", "at"),
)

run = sa.Table(
    "run",
    metadata,
    _text("id", primary_key=True),
    _incident(),
    _time("started_at"),
    _time("ended_at", nullable=True),
    _text("record"),
    sa.Index("run_of_incident", "incident_id", "started_at"),
)

action_record = sa.Table(
    "action_record",
    metadata,
    _text("key", primary_key=True),
    sa.Column("run_id", sa.Text(), sa.ForeignKey("run.id"), nullable=False),
    sa.Column("step", sa.Integer(), nullable=False),
    sa.Column("outcome", sa.Text(), nullable=True),
    _text("record"),
    sa.Index("action_record_of_run", "run_id", "step"),
)

approval = sa.Table(
    "approval",
    metadata,
    _text("id", primary_key=True),
    _incident(),
    _text("state"),
    _time("requested_at"),
    _text("record"),
    sa.Index("approval_of_incident", "incident_id", "requested_at"),
    sa.Index("approval_in_state", "state", "requested_at"),
)

parked_wait = sa.Table(
    "parked_wait",
    metadata,
    _incident(primary_key=True),
    _time("due_at"),
    _text("record"),
    sa.Index("parked_wait_due", "due_at"),
)

reservation = sa.Table(
    "reservation",
    metadata,
    _sequence(),
    _text("run_id"),
    _text("target"),
    _time("at"),
    sa.Index("reservation_at", "at"),
    sa.Index("reservation_of_target", "target", "at"),
    sa.Index("reservation_of_run", "run_id"),
    sqlite_autoincrement=True,
)

resource_lock = sa.Table(
    "resource_lock",
    metadata,
    _text("resource", primary_key=True),
    _text("run_id"),
    _time("at"),
    sa.Index("resource_lock_of_run", "run_id"),
)

silence = sa.Table(
    "silence",
    metadata,
    _text("id", primary_key=True),
    _time("starts_at"),
    _time("ends_at"),
    _time("ended_at", nullable=True),
    _text("record"),
    sa.Index("silence_ends", "ends_at"),
    sa.Index("silence_newest", "starts_at", "id"),
)

delivery = sa.Table(
    "delivery",
    metadata,
    _sequence(),
    _text("notification_id"),
    _text("channel"),
    sa.Column("incident_id", sa.Text(), nullable=True),
    _text("state"),
    _time("next_at"),
    sa.Column("place", sa.Integer(), nullable=False, server_default=sa.text("9")),
    _text("record"),
    sa.UniqueConstraint("notification_id", "channel", name="delivery_once_a_channel"),
    sa.Index("delivery_of_incident", "incident_id", "seq"),
    sqlite_autoincrement=True,
)
sa.Index(
    "delivery_due",
    delivery.c.next_at,
    sqlite_where=delivery.c.state == "pending",
    postgresql_where=delivery.c.state == "pending",
)
sa.Index(
    "delivery_queue",
    delivery.c.channel,
    delivery.c.place,
    delivery.c.seq,
    sqlite_where=delivery.c.state == "pending",
    postgresql_where=delivery.c.state == "pending",
)

stream_mark = sa.Table(
    "stream_mark",
    metadata,
    _text("source", primary_key=True),
    _text("part", primary_key=True),
    _text("position"),
    sa.Column("is_finished", sa.Boolean(), nullable=False),
    _text("owner"),
    sa.Column("fence", sa.BigInteger(), nullable=False),
    _time("until"),
)

stream_reader = sa.Table(
    "stream_reader",
    metadata,
    _text("source", primary_key=True),
    _text("owner", primary_key=True),
    _time("until"),
)

stream_record = sa.Table(
    "stream_record",
    metadata,
    sa.Column("id", sa.LargeBinary(), primary_key=True),
    _time("seen_at"),
    sa.Index("stream_record_seen", "seen_at"),
)
"""The ids of log records that were counted, as digests with their source."""

log_count = sa.Table(
    "log_count",
    metadata,
    _text("source", primary_key=True),
    _time("minute", primary_key=True),
    _text("resource", primary_key=True),
    _text("what", primary_key=True),
    sa.Column("records", sa.BigInteger(), nullable=False),
    sa.Index("log_count_minute", "minute"),
)

event = sa.Table(
    "event",
    metadata,
    _sequence(),
    _text("dedup_key", unique=True),
    _text("source"),
    _text("kind"),
    _time("at"),
    _time("received_at"),
    _text("record"),
    sa.Index("event_newest", "at", "seq"),
    sa.Index("event_received", "received_at"),
    sqlite_autoincrement=True,
)

event_resource = sa.Table(
    "event_resource",
    metadata,
    sa.Column("event_seq", _Sequence, sa.ForeignKey("event.seq", ondelete="CASCADE"), primary_key=True),
    _text("resource", primary_key=True),
    sa.Index("event_of_resource", "resource", "event_seq"),
)

audit_entry = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("seq", _Sequence, primary_key=True, autoincrement=False),
    _time("at"),
    _text("actor"),
    _text("event"),
    _text("subject"),
    _text("detail"),
    _text("previous", unique=True),
    _text("hash", unique=True),
    sa.Index("audit_entry_of_subject", "subject", "seq"),
)

turn = sa.Table(
    "turn",
    metadata,
    _text("name", primary_key=True),
    sa.Column("taken", sa.BigInteger(), nullable=False),
)

heartbeat = sa.Table(
    "heartbeat",
    metadata,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    _time("at"),
)

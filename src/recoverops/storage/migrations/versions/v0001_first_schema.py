"""The first schema: tables, the life cycle of incidents, and the guards of what must never change.

Everything stands here literally, also the legal transitions: a later change of the code must not change what this
step once did.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TRANSITIONS = (
    ("open", "waiting"),
    ("open", "acting"),
    ("open", "escalated"),
    ("open", "resolved"),
    ("waiting", "acting"),
    ("waiting", "escalated"),
    ("waiting", "resolved"),
    ("acting", "verifying"),
    ("acting", "waiting"),
    ("acting", "escalated"),
    ("verifying", "resolved"),
    ("verifying", "escalated"),
    ("escalated", "resolved"),
    ("escalated", "open"),
)


def upgrade() -> None:
    _signals()
    _incidents()
    _responses()
    _limits()
    _outbox_and_audit()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_guards()
    else:
        _postgres_guards()


def downgrade() -> None:
    raise NotImplementedError("put back the copy that was made before the upgrade")


def _text(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable, **options)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _sequence(*, autoincrement: bool = True) -> sa.Column[int]:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("seq", number, primary_key=True, autoincrement=autoincrement)


def _incident(*, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column("incident_id", sa.Text(), sa.ForeignKey("incident.id"), nullable=False, primary_key=primary_key)


def _index(name: str, table: str, *columns: str, unique: bool = False, where: str | None = None) -> None:
    condition: dict[str, Any] = {}
    if where is not None:
        condition = {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}
    op.create_index(name, table, list(columns), unique=unique, **condition)


def _signals() -> None:
    op.create_table(
        "signal",
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
    _index("signal_pending", "signal", "seq", where="processed_at IS NULL")
    _index("signal_newest", "signal", "source", "fingerprint", "seq", "processed_at", where="processed_at IS NOT NULL")


def _incidents() -> None:
    transitions = op.create_table(
        "incident_transition", _text("from_state", primary_key=True), _text("to_state", primary_key=True)
    )
    op.bulk_insert(transitions, [{"from_state": old, "to_state": new} for old, new in _TRANSITIONS])
    op.create_table(
        "incident",
        _text("id", primary_key=True),
        _text("fingerprint"),
        _text("state"),
        _text("response"),
        _time("opened_at"),
        sa.Column("revision", sa.Integer(), nullable=False),
        _text("record"),
    )
    _index("incident_newest", "incident", "opened_at", "id")
    _index("incident_newest_in_state", "incident", "state", "opened_at", "id")
    _index("incident_one_open", "incident", "fingerprint", unique=True, where="state <> 'resolved'")
    _index("incident_due", "incident", "opened_at", where="response = 'due' AND state <> 'resolved'")
    op.create_table(
        "hypothesis",
        _incident(primary_key=True),
        sa.Column("rank", sa.Integer(), primary_key=True),
        _text("record"),
    )
    op.create_table("timeline_entry", _sequence(), _incident(), _text("record"), sqlite_autoincrement=True)
    _index("timeline_entry_of_incident", "timeline_entry", "incident_id", "seq")


def _responses() -> None:
    op.create_table("decision", _text("id", primary_key=True), _incident(), _time("at"), _text("record"))
    _index("decision_of_incident", "decision", "incident_id", "at")
    op.create_table(
        "run",
        _text("id", primary_key=True),
        _incident(),
        _time("started_at"),
        _time("ended_at", nullable=True),
        _text("record"),
    )
    _index("run_of_incident", "run", "incident_id", "started_at")
    op.create_table(
        "action_record",
        _text("key", primary_key=True),
        sa.Column("run_id", sa.Text(), sa.ForeignKey("run.id"), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        _text("outcome", nullable=True),
        _text("record"),
    )
    _index("action_record_of_run", "action_record", "run_id", "step")
    op.create_table(
        "approval",
        _text("id", primary_key=True),
        _incident(),
        _text("state"),
        _time("requested_at"),
        _text("record"),
    )
    _index("approval_of_incident", "approval", "incident_id", "requested_at")
    _index("approval_in_state", "approval", "state", "requested_at")
    op.create_table("parked_wait", _incident(primary_key=True), _time("due_at"), _text("record"))
    _index("parked_wait_due", "parked_wait", "due_at")


def _limits() -> None:
    op.create_table(
        "reservation", _sequence(), _text("run_id"), _text("target"), _time("at"), sqlite_autoincrement=True
    )
    _index("reservation_at", "reservation", "at")
    _index("reservation_of_target", "reservation", "target", "at")
    _index("reservation_of_run", "reservation", "run_id")
    op.create_table("resource_lock", _text("resource", primary_key=True), _text("run_id"), _time("at"))
    _index("resource_lock_of_run", "resource_lock", "run_id")
    op.create_table(
        "silence",
        _text("id", primary_key=True),
        _time("starts_at"),
        _time("ends_at"),
        _time("ended_at", nullable=True),
        _text("record"),
    )
    _index("silence_ends", "silence", "ends_at")
    _index("silence_newest", "silence", "starts_at", "id")
    turn = op.create_table("turn", _text("name", primary_key=True), sa.Column("taken", sa.BigInteger(), nullable=False))
    op.bulk_insert(turn, [{"name": "serial", "taken": 0}])


def _outbox_and_audit() -> None:
    op.create_table(
        "delivery",
        _sequence(),
        _text("notification_id"),
        _text("channel"),
        _text("incident_id", nullable=True),
        _text("state"),
        _time("next_at"),
        _text("record"),
        sa.UniqueConstraint("notification_id", "channel", name="delivery_once_a_channel"),
        sqlite_autoincrement=True,
    )
    _index("delivery_of_incident", "delivery", "incident_id", "seq")
    _index("delivery_due", "delivery", "next_at", where="state = 'pending'")
    op.create_table(
        "audit_entry",
        _sequence(autoincrement=False),
        _time("at"),
        _text("actor"),
        _text("event"),
        _text("subject"),
        _text("detail"),
        _text("previous", unique=True),
        _text("hash", unique=True),
    )
    _index("audit_entry_of_subject", "audit_entry", "subject", "seq")
    beat = op.create_table(
        "heartbeat",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        _time("at"),
    )
    op.bulk_insert(beat, [{"id": 1, "at": 0}])


def _sqlite_guards() -> None:
    _sqlite_refuse(
        "incident_legal_transition",
        "UPDATE OF state ON incident",
        "the incident life cycle has no such transition",
        when="OLD.state <> NEW.state AND NOT EXISTS (SELECT 1 FROM incident_transition "
        "WHERE from_state = OLD.state AND to_state = NEW.state)",
    )
    _sqlite_refuse("incident_kept", "DELETE ON incident", "incidents are never deleted")
    # REPLACE removes rows without firing DELETE triggers on connections that have not switched that on.
    _sqlite_refuse(
        "incident_not_replaced",
        "INSERT ON incident",
        "incidents are never replaced",
        when="EXISTS (SELECT 1 FROM incident WHERE id = NEW.id OR (fingerprint = NEW.fingerprint "
        "AND state <> 'resolved' AND NEW.state <> 'resolved'))",
    )
    _sqlite_refuse(
        "action_record_outcome_once",
        "UPDATE ON action_record",
        "an action has one outcome",
        when="OLD.outcome IS NOT NULL",
    )
    _sqlite_refuse("audit_entry_unchanged", "UPDATE ON audit_entry", "audit entries are never changed")
    _sqlite_refuse("audit_entry_kept", "DELETE ON audit_entry", "audit entries are never deleted")
    _sqlite_refuse(
        "audit_entry_not_replaced",
        "INSERT ON audit_entry",
        "audit entries are never replaced",
        when="EXISTS (SELECT 1 FROM audit_entry WHERE seq = NEW.seq OR previous = NEW.previous OR hash = NEW.hash)",
    )


def _sqlite_refuse(name: str, event: str, sentence: str, *, when: str | None = None) -> None:
    condition = "" if when is None else f" WHEN {when}"
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW{condition} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


def _postgres_guards() -> None:
    op.execute(
        "CREATE FUNCTION recoverops_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = TG_ARGV[0]; END $$"
    )
    op.execute(
        "CREATE FUNCTION recoverops_refuse_transition() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NOT EXISTS (SELECT 1 FROM incident_transition WHERE from_state = OLD.state AND to_state = NEW.state) THEN "
        "RAISE EXCEPTION USING ERRCODE = 'check_violation', "
        "MESSAGE = format('the incident life cycle has no transition from %s to %s', OLD.state, NEW.state); "
        "END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER incident_legal_transition BEFORE UPDATE ON incident FOR EACH ROW "
        "WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION recoverops_refuse_transition()"
    )
    _postgres_refuse("incident_kept", "DELETE ON incident FOR EACH ROW", "incidents are never deleted")
    _postgres_refuse("incident_not_emptied", "TRUNCATE ON incident", "incidents are never deleted")
    _postgres_refuse(
        "action_record_outcome_once",
        "UPDATE ON action_record FOR EACH ROW WHEN (OLD.outcome IS NOT NULL)",
        "an action has one outcome",
    )
    _postgres_refuse("audit_entry_unchanged", "UPDATE ON audit_entry FOR EACH ROW", "audit entries are never changed")
    _postgres_refuse("audit_entry_kept", "DELETE ON audit_entry FOR EACH ROW", "audit entries are never deleted")
    _postgres_refuse("audit_entry_not_emptied", "TRUNCATE ON audit_entry", "audit entries are never deleted")


def _postgres_refuse(name: str, event: str, sentence: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} EXECUTE FUNCTION recoverops_refuse('{sentence}')")

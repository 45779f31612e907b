"""Streams: how far each part was read and by whom, which records were counted, how many, and events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "stream_mark",
        _text("source", primary_key=True),
        _text("part", primary_key=True),
        _text("position"),
        sa.Column("is_finished", sa.Boolean(), nullable=False),
        _text("owner"),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        _time("until"),
    )
    op.create_table(
        "stream_reader", _text("source", primary_key=True), _text("owner", primary_key=True), _time("until")
    )
    op.create_table("stream_record", sa.Column("id", sa.LargeBinary(), primary_key=True), _time("seen_at"))
    op.create_index("stream_record_seen", "stream_record", ["seen_at"])
    op.create_table(
        "log_count",
        _text("source", primary_key=True),
        _time("minute", primary_key=True),
        _text("resource", primary_key=True),
        _text("what", primary_key=True),
        sa.Column("records", sa.BigInteger(), nullable=False),
    )
    op.create_index("log_count_minute", "log_count", ["minute"])
    op.create_table(
        "event",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        _text("dedup_key", unique=True),
        _text("source"),
        _text("kind"),
        _time("at"),
        _time("received_at"),
        _text("record"),
        sqlite_autoincrement=True,
    )
    op.create_index("event_newest", "event", ["at", "seq"])
    op.create_index("event_received", "event", ["received_at"])
    op.create_table(
        "event_resource",
        sa.Column("event_seq", _NUMBER, sa.ForeignKey("event.seq", ondelete="CASCADE"), primary_key=True),
        _text("resource", primary_key=True),
    )
    op.create_index("event_of_resource", "event_resource", ["resource", "event_seq"])


def downgrade() -> None:
    raise NotImplementedError("put back the copy that was made before the upgrade")


def _text(name: str, *, primary_key: bool = False, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, primary_key=primary_key, unique=unique)


def _time(name: str, *, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, primary_key=primary_key)

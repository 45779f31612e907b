"""The place of a notification in its channel's queue. What waits since before the upgrade goes last, in its order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("place", sa.Integer(), nullable=False, server_default=sa.text("9")))
    is_pending = sa.text("state = 'pending'")
    op.create_index(
        "delivery_queue",
        "delivery",
        ["channel", "place", "seq"],
        sqlite_where=is_pending,
        postgresql_where=is_pending,
    )


def downgrade() -> None:
    raise NotImplementedError("put back the copy that was made before the upgrade")

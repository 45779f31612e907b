"""Resolved incidents may be deleted, for retention; the newest incident of a fingerprint is found by an index."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SENTENCE = "incidents are never deleted before they are resolved"


def upgrade() -> None:
    op.create_index("incident_of_fingerprint", "incident", ["fingerprint", "opened_at"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER incident_kept")
        op.execute(
            "CREATE TRIGGER incident_kept BEFORE DELETE ON incident FOR EACH ROW WHEN OLD.state <> 'resolved' "
            f"BEGIN SELECT RAISE(ABORT, '{_SENTENCE}'); END"
        )
        return
    op.execute("DROP TRIGGER incident_kept ON incident")
    op.execute(
        "CREATE TRIGGER incident_kept BEFORE DELETE ON incident FOR EACH ROW WHEN (OLD.state <> 'resolved') "
        f"EXECUTE FUNCTION recoverops_refuse('{_SENTENCE}')"
    )


def downgrade() -> None:
    raise NotImplementedError("put back the copy that was made before the upgrade")

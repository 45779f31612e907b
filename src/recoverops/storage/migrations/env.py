"""Runs the versions on the connection that `migrate` hands in, all in its one transaction. Loaded by Alembic."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()

"""The schema's history, one Alembic version a step. Run by `migrate`, never by hand."""

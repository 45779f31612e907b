"""One process for each PostgreSQL database of workflows, held by an advisory lock for as long as the engine lives.

On SQLite `recoverops up` locks the data directory instead. Without it a second process would take the pending segments
of the first for left-overs of a crash and run them a second time.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from recoverops.model import ConflictError

_LOCK = 0x5EC0_7E50
"""Any number will do, as long as every release takes the same."""


def claim_database(engine: sa.Engine) -> Callable[[], None]:
    """Take the lock, and answer how to give it back. Raises ConflictError when another process holds it."""
    if engine.dialect.name != "postgresql":
        return lambda: None
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    if connection.scalar(sa.text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
        return lambda: _give_back(connection)
    connection.close()
    raise ConflictError(
        f'another process runs the workflows of database "{engine.url.database}"; stop it first, '
        "or give this one a database of its own"
    )


def _give_back(connection: sa.Connection) -> None:
    try:
        # Closing alone would only put the session, and the lock with it, back into the pool.
        connection.execute(sa.text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
    except sa.exc.DBAPIError:
        # The session is gone, and the lock went with it.
        connection.invalidate()
    connection.close()

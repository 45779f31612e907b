"""One process for each PostgreSQL database, held by an advisory lock for as long as the engine lives.

On SQLite `recoverops up` locks the data directory instead. A second process would take what the first one has under
way for left-overs of a crash, and do it a second time.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from recoverops.model import ConflictError
from recoverops.storage.refusals import translated

_LOCK = 0x5EC0_7E50
"""Any number will do, as long as every release takes the same."""
_KEEP_ALIVE = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""Should this host vanish, the server gives our claim back within half a minute."""


def claim_database(engine: sa.Engine) -> Callable[[], None]:
    """Take the lock, and answer how to give it back.

    Raises ConflictError when another process holds it, UnreachableError when the database does not answer.
    """
    if engine.dialect.name != "postgresql":
        return lambda: None
    with translated("the database cannot be claimed"):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        for name, seconds in _KEEP_ALIVE.items():
            connection.execute(
                sa.text("SELECT set_config(:name, :value, false)"), {"name": name, "value": str(seconds)}
            )
        is_ours = connection.scalar(sa.text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK})
    if is_ours:
        # The lock goes with its session, so the connection must not come back into the pool.
        return lambda: _end(connection)
    _end(connection)
    raise ConflictError(
        f'another process runs the responses of database "{engine.url.database}"; stop it first, '
        "or give this one a database of its own"
    )


def _end(connection: sa.Connection) -> None:
    connection.invalidate()
    connection.close()

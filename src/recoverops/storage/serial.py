"""The one lock that every writing transaction begins with, so that there is one writer at a time on PostgreSQL too.

Whoever took rows first and this lock later would wait crosswise for somebody who did it the other way round, and what
a transaction read would be another's by the time it writes. The intake alone goes without it: it only adds alerts.
On SQLite the writer holds it already. On PostgreSQL it is the lock of one row, and the row is really changed: an
advisory lock would let a transaction at REPEATABLE READ or SERIALIZABLE go on with the snapshot from before its wait,
and so spend a limit twice. With the row that transaction is sent back instead. Ours run at READ COMMITTED.
Limits and audit share one lock, so that they can never wait for each other crosswise.
"""

from __future__ import annotations

import sqlalchemy as sa

from recoverops.storage.schema import turn

_TAKE = sa.update(turn).where(turn.c.name == "serial").values(taken=turn.c.taken + 1)


def take_serial_lock(connection: sa.Connection) -> None:
    """Wait for it, and hold it until this transaction ends. Taking it again is harmless."""
    if connection.dialect.name != "sqlite":
        connection.execute(_TAKE)

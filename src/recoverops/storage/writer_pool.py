"""The connection pool of SQLite's write engine: at most one connection writes, and everybody queues fairly for it.

Because the queue is in the pool, every user of the engine takes part without knowing: `SqlStore.write`, the intake,
and the durable-workflow library's own transactions on the same engine. A thread that asks again while it holds the
turn gets a second, read-only connection instead of a deadlock.
"""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from recoverops.storage.turn import WriteTurn

_NESTED = "recoverops.nested"


class WriterPool(QueuePool):
    """Two idle connections at most; `timeout` is the longest wait for the turn, in seconds."""

    def __init__(self, creator: Any, *, timeout: float = 30.0, **options: Any) -> None:
        super().__init__(creator, timeout=timeout, **{**options, "pool_size": 2, "max_overflow": -1})
        self._turn = WriteTurn()

    def is_writing(self) -> bool:
        """True while the calling thread holds the turn."""
        return self._turn.is_mine()

    @property
    def waiting(self) -> int:
        """How many threads wait for their turn to write."""
        return self._turn.waiting

    def prefer_this_thread(self) -> None:
        """See `WriteTurn.prefer_this_thread`."""
        self._turn.prefer_this_thread()

    def patiently(self) -> AbstractContextManager[None]:
        """See `WriteTurn.patiently`."""
        return self._turn.patiently()

    def _do_get(self) -> ConnectionPoolEntry:
        nested = self._turn.is_mine()
        if not nested and not self._turn.acquire(timeout_s=self._timeout):
            # Worded like SQLite's own error, so that every user of the engine treats it as that.
            raise sqlite3.OperationalError(f"database is locked: no turn to write within {self._timeout:g} s")
        try:
            entry = super()._do_get()
        except BaseException:
            if not nested:
                self._turn.release()
            raise
        if nested:
            _info(entry)[_NESTED] = True
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        nested = _info(record).pop(_NESTED, False)
        try:
            if nested:
                record.close()  # it was made read-only, so it must not come back as the writer
            super()._do_return_conn(record)
        finally:
            if not nested:
                self._turn.release()


def _info(record: ConnectionPoolEntry) -> dict[str, bool]:
    """What belongs to the place in the pool and outlives a reconnect."""
    info = record.record_info
    assert info is not None
    return info


def is_nested(connection: PoolProxiedConnection) -> bool:
    """Whether it was asked for inside another write of the same thread; then it may only read."""
    info = connection.record_info
    return info is not None and bool(info.get(_NESTED))

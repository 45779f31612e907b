"""The connection pool of SQLite's write engine: at most one connection writes, and everybody queues fairly for it.

Because the queue is in the pool, every user of the engine takes part without knowing. A thread that asks again while it
holds the turn hears so, instead of waiting for itself.
"""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from recoverops.model import PermanentError
from recoverops.storage.turn import WriteTurn

NESTED = "a transaction was begun inside another one of the same thread; use the Tx that is there already"


class WriterPool(QueuePool):
    """`timeout` is the longest wait for the turn, in seconds."""

    def __init__(self, creator: Any, *, timeout: float = 30.0, **options: Any) -> None:
        super().__init__(creator, timeout=timeout, **{**options, "pool_size": 1, "max_overflow": -1})
        self._turn = WriteTurn()

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
        if self._turn.is_mine():
            raise PermanentError(NESTED)
        if not self._turn.acquire(timeout_s=self._timeout):
            # Worded like SQLite's own error, so that every user of the engine treats it as that.
            raise sqlite3.OperationalError(f"database is locked: no turn to write within {self._timeout:g} s")
        try:
            return super()._do_get()
        except BaseException:
            self._turn.release()
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        try:
            super()._do_return_conn(record)
        finally:
            self._turn.release()

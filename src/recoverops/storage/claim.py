"""One process for each PostgreSQL database: an advisory lock of a session of its own, for as long as the engine lives.

Should this host vanish, the server gives the claim back within half a minute (`postgres_session.py`).
On SQLite `recoverops up` locks the data directory instead. A second process would take what the first one has under
way for left-overs of a crash, and do it a second time.
"""

from __future__ import annotations

import sqlalchemy as sa

from recoverops.model import ConflictError
from recoverops.storage.refusals import translated

_LOCK = 0x5EC0_7E50
"""Any number will do, as long as every release takes the same."""
_TAKE = sa.text("SELECT pg_try_advisory_lock(:lock)")
_LOOK = sa.text("SELECT 1")


class Claim:
    """Taken when it is made. Used by one thread at a time.

    Raises ConflictError when another process holds it, UnreachableError when the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._session: sa.Connection | None = None
        self.renew()

    def renew(self) -> None:
        """Looks whether the session stands, with which the claim goes, and takes it anew when not. Raises as above."""
        if self._engine.dialect.name != "postgresql":
            return
        with translated("the database cannot be claimed"):
            if not self._stands():
                self.give_back()
                self._session = self._taken()

    def give_back(self) -> None:
        if self._session is not None:
            _end(self._session)
            self._session = None

    def _stands(self) -> bool:
        if self._session is None:
            return False
        try:
            self._session.execute(_LOOK)
        except sa.exc.DBAPIError:
            return False
        return True

    def _taken(self) -> sa.Connection:
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            is_ours = session.scalar(_TAKE, {"lock": _LOCK})
        except BaseException:
            _end(session)
            raise
        if is_ours:
            return session
        _end(session)
        raise ConflictError(
            f'another process runs the responses of database "{self._engine.url.database}"; stop it first, '
            "or give this one a database of its own"
        )


def _end(session: sa.Connection) -> None:
    # The lock goes with its session, so the connection must not come back into the pool.
    session.invalidate()
    session.close()

"""Turns what a database says into the errors of RecoverOps, by what the caller does next.

Inside a transaction only violated constraints are translated (`refused`), so that a lost deadlock is still known by its
class where the transaction is begun again. At the border of a transaction (`translated`) everything is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa

from recoverops.model import (
    ConflictError,
    NotFoundError,
    OverloadedError,
    PermanentError,
    RecoverOpsError,
    RetryableError,
    UnreachableError,
)

_FOREIGN_KEY = ("FOREIGN KEY constraint failed", "violates foreign key constraint")
_REPEATABLE_STATES = frozenset({"40001", "40P01"})
"""serialization_failure and deadlock_detected"""
FULL = 1024 * 1024
"""Bytes; a disk that has fewer left has no room for the files that SQLite needs beside the database."""
_READ_ONLY_STATE = "25006"
_NO_LOCK_STATE, _IDLE_STATE = "55P03", "25P03"
"""lock_not_available: no turn within `storage.busy_timeout_s`; idle_in_transaction_session_timeout"""


class UnstorableError(PermanentError):
    """A value fits no column: a NUL in a text, a number that is too large. Nothing is wrong with the database."""


def _first_line(error: sa.exc.SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return str(cause).partition("\n")[0]


def _state(error: sa.exc.DBAPIError) -> str:
    """PostgreSQL's five-character error class; empty on SQLite."""
    return getattr(error.orig, "sqlstate", None) or ""


def is_repeatable(error: sa.exc.DBAPIError) -> bool:
    """True when PostgreSQL chose this transaction as the loser of a deadlock or of a serialisation conflict."""
    return _state(error) in _REPEATABLE_STATES


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Violated constraints become a sentence: `what` was refused, and why."""
    try:
        yield
    except sa.exc.IntegrityError as error:
        raise _violation(what, error) from error


def _violation(what: str, error: sa.exc.IntegrityError) -> RecoverOpsError:
    reason = _first_line(error)
    if any(mark in reason for mark in _FOREIGN_KEY):
        return NotFoundError(f"{what}: it refers to something that is not stored ({reason}); store that first")
    return ConflictError(f"{what}: the database refused it ({reason}); read it again and decide anew")


@contextmanager
def translated(doing: str, *, free_bytes: Callable[[], int | None] = lambda: None) -> Iterator[None]:
    """Every database error becomes one of ours; `doing` names the attempt in the message.

    `free_bytes` is asked when it fails: what the disk of the database has left, None when nobody here can tell.
    """
    try:
        yield
    except sa.exc.IntegrityError as error:
        raise _violation(doing, error) from error
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError) as error:
        raise _trouble(doing, error, free_bytes) from error
    except sa.exc.TimeoutError as error:
        raise OverloadedError(f"{doing}: every database connection is in use; try again shortly") from error
    except sa.exc.DataError as error:
        raise UnstorableError(
            f"{doing}: a value in it is none that the database can hold ({_first_line(error)}); send it without that"
        ) from error
    except sa.exc.DatabaseError as error:
        if isinstance(error, sa.exc.ProgrammingError | sa.exc.NotSupportedError):
            raise
        raise PermanentError(f"{doing}: the database is damaged ({_first_line(error)}); restore a backup") from error


def _trouble(doing: str, error: sa.exc.DBAPIError, free_bytes: Callable[[], int | None]) -> RecoverOpsError:
    reason = _first_line(error)
    if is_repeatable(error):
        return RetryableError(f"{doing}: another transaction was in the way ({reason})", delay=timedelta(0))
    code = getattr(error.orig, "sqlite_errorname", "")
    if code.startswith("SQLITE_READONLY") or _state(error) == _READ_ONLY_STATE:
        return PermanentError(
            f"{doing}: nothing can be written here ({reason}); write in `Store.write`, to a file "
            "that belongs to the user that runs RecoverOps"
        )
    if isinstance(error.orig, sqlite3.Error) and (busy := _sqlite_overload(doing, code, reason, free_bytes)):
        return busy
    if busy := _postgres_overload(doing, _state(error), reason):
        return busy
    return UnreachableError(f"{doing}: the database does not answer ({reason})")


def _postgres_overload(doing: str, state: str, reason: str) -> OverloadedError | None:
    if state == _NO_LOCK_STATE:
        return OverloadedError(
            f"{doing}: another session holds the database and did not let go ({reason}); it ends when the database "
            "gives that session up, else see pg_stat_activity, or raise storage.busy_timeout_s"
        )
    if state == _IDLE_STATE:
        return OverloadedError(
            f"{doing}: this process did nothing with its transaction for too long, and the database ended it "
            f"({reason}); look whether this host was suspended or has too little processor time"
        )
    if state.startswith("53"):  # insufficient resources: disk, memory, connections
        return OverloadedError(f"{doing}: the database is out of resources ({reason})")
    return None


def _sqlite_overload(
    doing: str, code: str, reason: str, free_bytes: Callable[[], int | None]
) -> OverloadedError | None:
    if code == "SQLITE_FULL":
        return OverloadedError(f"{doing}: the disk is full; free some space")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or "database is locked" in reason:
        return OverloadedError(f"{doing}: another process or a long transaction holds the database ({reason})")
    left = free_bytes() if code.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) else None
    if left is not None and left < FULL:  # of the files beside the database SQLite does not say it
        return OverloadedError(f"{doing}: the disk is full ({reason}; {left} bytes are left); free some space")
    return None

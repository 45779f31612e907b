"""Whether the store could be opened, looked at without opening it for work: nothing is made, upgraded or written.

Called by `recoverops check`. A SQLite database that nobody uses is read as if nothing could change it, so that not even
SQLite leaves files of its own beside it; one that was not closed is read with the files that are there, or not at all.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from recoverops.storage.engines import QUIET, SQLITE_FILE, make_engines
from recoverops.storage.migrate import HEAD, refuse_unknown, revision_of
from recoverops.storage.refusals import translated
from recoverops.storage.settings import StorageSettings


class StoreLook(StrEnum):
    """What a start would find."""

    NONE_YET = "none_yet"
    """no database, or one without a table of ours: the start makes it"""
    CURRENT = "current"
    OLDER = "older"
    """the start upgrades it"""
    UNSEEN = "unseen"
    """its write-ahead log lacks its index, as in a copied directory: reading would make that, and so does the start"""


def look_at_store(settings: StorageSettings, *, data_dir: Path) -> StoreLook:
    """Raises what opening it would raise: UnreachableError, OverloadedError, MisconfiguredError for an address that is
    none and for a schema of a newer release, PermanentError for a file that is no database. And OSError for a file that
    this user may not even see."""
    if settings.url.get_secret_value().strip():
        engines = make_engines(settings, data_dir=data_dir)
        try:
            return _look(engines.read)
        finally:
            engines.dispose()
    file = data_dir / SQLITE_FILE
    if not _has_content(file):
        return StoreLook.NONE_YET
    if _beside(file, "-wal").exists() and not _beside(file, "-shm").exists():
        return StoreLook.UNSEEN
    reading = sa.create_engine("sqlite://", creator=lambda: _opened(file), poolclass=NullPool, **QUIET)
    return _look(reading)


def _has_content(file: Path) -> bool:
    """Raises PermissionError. Not opened here: the locks of SQLite go with a close."""
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}{ending}")


def _opened(file: Path) -> sqlite3.Connection:
    """`readonly_shm`: the index of a log that a killed engine left is neither made nor mended in place."""
    how = "readonly_shm=1" if _beside(file, "-wal").exists() else "immutable=1"
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro&{how}", uri=True)


def _look(engine: sa.Engine) -> StoreLook:
    with translated("the store cannot be read"), engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        revision = revision_of(connection)
    if revision is None:
        return StoreLook.NONE_YET
    if revision == HEAD:
        return StoreLook.CURRENT
    refuse_unknown(revision)
    return StoreLook.OLDER

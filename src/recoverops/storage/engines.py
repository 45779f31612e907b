"""Makes the two engines of a store: one to write, one to read snapshots. Called by `open_store` only.

On SQLite the file is in WAL mode with synchronous=FULL: a commit is one flush to disk, and readers never wait for the
writer. On PostgreSQL writes run at READ COMMITTED (every check is a compare-and-set or stands behind a row lock) and
reads at REPEATABLE READ, read-only; no session waits for a host that has vanished (`postgres_session.py`).
"""

from __future__ import annotations

import importlib.util
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import QueuePool

from recoverops.model import MisconfiguredError
from recoverops.storage.postgres_session import parameters, set_up_reading, set_up_writing
from recoverops.storage.settings import StorageSettings
from recoverops.storage.sqlite_begin import READING, WRITING
from recoverops.storage.writer_pool import WriterPool

SQLITE_FILE = "recoverops.sqlite"

QUIET: dict[str, Any] = {"hide_parameters": True}
"""Errors name the statement and not its values: what people write into an alert is no business of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    write: sa.Engine
    read: sa.Engine
    sqlite_file: Path | None
    """None on PostgreSQL."""

    def prefer_this_thread(self) -> None:
        """On SQLite this thread's transactions go before those that wait; PostgreSQL has no such queue."""
        if isinstance(self.write.pool, WriterPool):
            self.write.pool.prefer_this_thread()

    def patiently(self) -> AbstractContextManager[None]:
        """On SQLite, transactions of this thread inside it let others go first, within bounds."""
        return self.write.pool.patiently() if isinstance(self.write.pool, WriterPool) else nullcontext()

    @property
    def waiting_writers(self) -> int | None:
        """None on PostgreSQL, whose queue we do not see."""
        return self.write.pool.waiting if isinstance(self.write.pool, WriterPool) else None

    def free_bytes(self) -> int | None:
        """What this user may still write beside the database; None on PostgreSQL and where that cannot be found out."""
        if self.sqlite_file is None:
            return None
        try:
            disk = os.statvfs(self.sqlite_file.parent)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize

    def dispose(self) -> None:
        self.read.dispose()
        self.write.dispose()


def make_engines(settings: StorageSettings, *, data_dir: Path) -> Engines:
    """The engines that the settings ask for; connects to nothing yet.

    Raises MisconfiguredError for an address that is neither empty nor PostgreSQL's.
    """
    url = settings.url.get_secret_value().strip()
    if not url:
        return _sqlite(data_dir / SQLITE_FILE, settings)
    return _postgres(_postgres_url(url), settings)


def _sqlite(file: Path, settings: StorageSettings) -> Engines:
    address = sa.URL.create("sqlite", database=str(file))
    timeout_s = settings.busy_timeout_s

    def tune(connection: Any, _entry: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={int(timeout_s * 1000)}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        # Without it INSERT OR REPLACE would delete rows past the triggers that forbid deleting.
        connection.execute("PRAGMA recursive_triggers=ON")

    def only_read(connection: Any, _entry: object) -> None:
        connection.execute("PRAGMA query_only=ON")

    write = sa.create_engine(address.set(drivername=WRITING), poolclass=WriterPool, pool_timeout=timeout_s, **QUIET)
    event.listen(write, "connect", tune)
    read = sa.create_engine(
        address.set(drivername=READING),
        poolclass=QueuePool,
        pool_size=settings.connections,
        max_overflow=-1,
        pool_timeout=timeout_s,
        **QUIET,
    )
    event.listen(read, "connect", tune)
    event.listen(read, "connect", only_read)
    return Engines(write=write, read=read, sqlite_file=file)


def _postgres(url: sa.URL, settings: StorageSettings) -> Engines:
    pool = {
        "pool_size": settings.connections,
        "max_overflow": settings.connections,
        "pool_timeout": settings.busy_timeout_s,
        "pool_pre_ping": True,
        "connect_args": parameters(url),
    }
    write = sa.create_engine(url, isolation_level="READ COMMITTED", **pool, **QUIET)
    read = sa.create_engine(
        url,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        **pool,
        **QUIET,
    )
    set_up_writing(write, turn_timeout_s=settings.busy_timeout_s)
    set_up_reading(read)
    return Engines(write=write, read=read, sqlite_file=None)


def _postgres_url(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise MisconfiguredError(
            "storage.url is not a database address; write postgresql://user:password@host:5432/name, or leave it empty"
        ) from error
    if url.drivername not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise MisconfiguredError(
            f'storage.url begins with "{url.drivername}", expected postgresql://; leave it empty for SQLite'
        )
    if importlib.util.find_spec("psycopg") is None:
        raise MisconfiguredError(
            "storage.url names PostgreSQL, but its driver is not installed; run: pip install 'recoverops[postgres]'"
        )
    return url.set(drivername="postgresql+psycopg")

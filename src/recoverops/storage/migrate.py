"""Brings the database to this release's schema: lock, copy, upgrade; and refuses one of a newer release.

Called by `open_store` before anything else touches the database. The steps are Alembic versions in `migrations/`,
run from code in one transaction, so a failed upgrade leaves the old schema as it was.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

import sqlalchemy as sa

from recoverops.model import MisconfiguredError
from recoverops.storage.engines import Engines
from recoverops.storage.ownership import opened_or_made
from recoverops.storage.postgres_session import wait_without_end

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATE_LOCK = "migrate.lock"

HEAD = "0004"
"""The newest revision, so that the usual case needs no Alembic; a test holds it against the files of `migrations`."""

_CURRENT = sa.text("SELECT version_num FROM alembic_version")
_POSTGRES_LOCK = sa.text("SELECT pg_advisory_xact_lock(7251023341)")
"""Any number that no other program uses for the same purpose in the same database."""


def upgrade(
    engines: Engines,
    *,
    data_dir: Path,
    migrations: Path = MIGRATIONS,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Create or upgrade the schema. Two processes that do it at once do it one after the other.

    `alone` is entered before anything is changed, and raises when an engine uses the schema as it is.

    Before an upgrade a SQLite file is copied to `recoverops.sqlite.before-<new revision>`. Raises MisconfiguredError
    when the schema was written by a newer release.
    """
    if migrations == MIGRATIONS and _is_current(engines):
        return
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    assert head is not None
    with _migrating(data_dir), engines.write.connect() as connection:
        if engines.sqlite_file is None:
            wait_without_end(connection)
            connection.execute(_POSTGRES_LOCK)
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        _refuse_newer(current, head, known={revision.revision for revision in script.walk_revisions()})
        with alone():
            if current is not None and engines.sqlite_file is not None:
                _copy(engines.sqlite_file, revision=head)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()


def _is_current(engines: Engines) -> bool:
    """Asked on the read side: it waits for no writer, and takes a third of a second less than asking Alembic."""
    if engines.sqlite_file is not None and not engines.sqlite_file.exists():
        return False
    with engines.read.connect() as connection:
        return revision_of(connection) == HEAD


def revision_of(connection: sa.Connection) -> str | None:
    """None where there is no schema of ours."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(_CURRENT).scalar_one_or_none()


def refuse_unknown(revision: str) -> None:
    """Raises MisconfiguredError for a revision that this release does not know, so a newer one's."""
    from alembic.script import ScriptDirectory

    known = {one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    _refuse_newer(revision, HEAD, known=known)


def _refuse_newer(current: str | None, head: str, *, known: set[str]) -> None:
    if current is None or current in known:
        return
    raise MisconfiguredError(
        f"the database has schema revision {current}, this release knows revisions up to {head}; "
        "it was written by a newer release: install that one, or put back the copy made before its upgrade"
    )


def _copy(file: Path, *, revision: str) -> None:
    """A consistent copy beside the file. One that an earlier, failed attempt left is replaced."""
    copy = file.with_name(f"{file.name}.before-{revision}")
    partial = copy.with_name(f"{copy.name}.partial")
    partial.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source:
        source.execute("VACUUM INTO ?", (str(partial),))
    partial.chmod(0o600)
    partial.replace(copy)


@contextmanager
def _migrating(data_dir: Path) -> Iterator[None]:
    """The file lock of this data directory; waits for another process's upgrade to end."""
    descriptor = opened_or_made(data_dir / MIGRATE_LOCK, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

"""Upgrading the schema: locked, copied, in one transaction; a newer one is refused."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from recoverops.model import ConflictError, Delivery, DeliveryState, MisconfiguredError, to_json
from recoverops.storage import Claim, DirectoryLock, migrate
from recoverops.storage import store as storage
from recoverops.storage.engines import make_engines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Database, ManualClock, Records

    from recoverops.storage import SqlStore

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

def upgrade() -> None:
    op.add_column("incident", sa.Column("colour", sa.Text()))
    op.execute("{statement}")
"""


def with_second_version(tmp_path: Path, statement: str = "UPDATE incident SET colour = 'red'") -> Path:
    """This release's migrations and one more, as the next release would have them."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v0005_next.py").write_text(SECOND.format(statement=statement))
    return folder


def upgrade(database: Database, migrations: Path = migrate.MIGRATIONS) -> None:
    engines = make_engines(database.settings, data_dir=database.data_dir)
    try:
        migrate.upgrade(engines, data_dir=database.data_dir, migrations=migrations)
    finally:
        engines.dispose()


def ask(database: Database, query: str) -> list[tuple[object, ...]]:
    engines = make_engines(database.settings, data_dir=database.data_dir)
    try:
        with engines.read.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]
    finally:
        engines.dispose()


@pytest.fixture
def filled(database: Database, clock: ManualClock, a: Records) -> Database:
    with database.open(clock) as store:
        store.write(lambda tx: tx.incidents.insert(a.incident()))
    return database


def copies(database: Database) -> list[str]:
    return sorted(path.name for path in database.data_dir.glob("recoverops.sqlite.before-*"))


def test_opening_again_changes_nothing_and_copies_nothing(filled: Database, clock: ManualClock, a: Records) -> None:
    with filled.open(clock) as store:
        assert store.read(lambda tx: tx.incidents.listed()) == (a.incident(),)
    assert ask(filled, "SELECT version_num FROM alembic_version") == [("0004",)]
    assert copies(filled) == []


def test_an_older_schema_is_upgraded_with_its_rows(filled: Database, tmp_path: Path) -> None:
    upgrade(filled, with_second_version(tmp_path))
    assert ask(filled, "SELECT version_num FROM alembic_version") == [("0005",)]
    assert ask(filled, "SELECT id, colour FROM incident") == [("inc-1", "red")]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_before_an_upgrade_the_file_is_copied_as_it_was(filled: Database, tmp_path: Path) -> None:
    upgrade(filled, with_second_version(tmp_path))

    assert copies(filled) == ["recoverops.sqlite.before-0005"]
    with contextlib.closing(sqlite3.connect(filled.data_dir / "recoverops.sqlite.before-0005")) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [("0004",)]
        assert copy.execute("SELECT id FROM incident").fetchall() == [("inc-1",)]
        assert "colour" not in str(copy.execute("SELECT sql FROM sqlite_master WHERE name = 'incident'").fetchall())


def test_a_failed_upgrade_leaves_the_old_schema_and_can_be_repeated(filled: Database, tmp_path: Path) -> None:
    broken = with_second_version(tmp_path / "broken", statement="UPDATE no_such_table SET x = 1")
    with pytest.raises(sa.exc.DBAPIError, match="no_such_table"):
        upgrade(filled, broken)
    assert ask(filled, "SELECT version_num FROM alembic_version") == [("0004",)]
    with pytest.raises(sa.exc.DBAPIError, match="colour"):
        ask(filled, "SELECT colour FROM incident")

    upgrade(filled, with_second_version(tmp_path / "fixed"))
    assert ask(filled, "SELECT colour FROM incident") == [("red",)]


def test_a_newer_schema_is_refused_with_both_revisions_and_left_alone(
    filled: Database, tmp_path: Path, clock: ManualClock
) -> None:
    upgrade(filled, with_second_version(tmp_path))
    with pytest.raises(MisconfiguredError, match=r"schema revision 0005, this release knows revisions up to 0004"):
        filled.open(clock)
    assert ask(filled, "SELECT version_num FROM alembic_version") == [("0005",)]


def test_an_upgrade_waits_while_another_process_upgrades_the_same_directory(filled: Database, tmp_path: Path) -> None:
    newer = with_second_version(tmp_path)
    with (filled.data_dir / migrate.MIGRATE_LOCK).open("w") as held, ThreadPoolExecutor(1) as pool:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = pool.submit(upgrade, filled, newer)
        assert not wait([waiting], timeout=0.2).done
        fcntl.flock(held, fcntl.LOCK_UN)
        waiting.result(timeout=30)


def test_two_that_open_at_once_upgrade_one_after_the_other(database: Database) -> None:
    database.data_dir.mkdir(mode=0o700)
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(upgrade, database) for _ in range(2)]:
            future.result(timeout=60)
    assert ask(database, "SELECT version_num FROM alembic_version") == [("0004",)]


@contextlib.contextmanager
def release(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, migrations: Path
) -> Iterator[Callable[[], SqlStore]]:
    """What opens the store as a release with these migrations does."""
    with monkeypatch.context() as patched:
        patched.setattr(storage, "upgrade", partial(migrate.upgrade, migrations=migrations))
        yield lambda: database.open(clock)


def test_nobody_upgrades_beneath_a_running_engine(
    filled: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = with_second_version(tmp_path)
    with (
        DirectoryLock(filled.data_dir, clock),
        storage.open_store(filled.settings, data_dir=filled.data_dir, clock=clock, is_engine=True),
        release(filled, clock, monkeypatch, newer) as look,
    ):
        # when a command of the next release looks into the store
        with pytest.raises(ConflictError, match="start this release's engine in its place"):
            look()
        assert ask(filled, "SELECT version_num FROM alembic_version") == [("0004",)]
    with release(filled, clock, monkeypatch, newer) as look, look() as opened:
        # then it does so when that engine has ended, and leaves the place to the next one
        assert ask(filled, "SELECT version_num FROM alembic_version") == [("0005",)]
        with DirectoryLock(filled.data_dir, clock):
            Claim(opened.write_engine).give_back()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_engine_of_the_next_release_upgrades_nothing_before_the_database_is_its_own(
    filled: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_engine = partial(storage.open_store, filled.settings, clock=clock, is_engine=True)
    with open_engine(data_dir=filled.data_dir) as running:
        with (
            release(filled, clock, monkeypatch, with_second_version(tmp_path)),
            pytest.raises(ConflictError, match="another process runs the responses"),
        ):
            open_engine(data_dir=tmp_path / "another host")
        assert ask(filled, "SELECT version_num FROM alembic_version") == [("0004",)]
        assert running.claim is not None
        running.claim.renew()


def test_the_named_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_notifications_that_wait_over_the_upgrade_go_last_and_in_their_order(
    database: Database, clock: ManualClock, tmp_path: Path, a: Records
) -> None:
    before = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, before, ignore=shutil.ignore_patterns("__pycache__", "v0004_*"))
    database.data_dir.mkdir(mode=0o700, exist_ok=True)
    upgrade(database, before)
    columns = "notification_id, channel, incident_id, state, next_at, record"
    for name in ("old-1", "old-2"):
        told = a.notification(name, event="incident.escalated")
        row = Delivery(notification=told, channel="slack", state=DeliveryState.PENDING, attempts=0, next_at=a.at)
        engines = make_engines(database.settings, data_dir=database.data_dir)
        with engines.write.begin() as connection:
            connection.execute(
                sa.text(f"INSERT INTO delivery ({columns}) VALUES (:id, 'slack', 'inc-1', 'pending', 0, :record)"),
                {"id": name, "record": to_json(row)},
            )
        engines.dispose()

    with database.open(clock) as store:
        store.write(lambda tx: tx.outbox.post(a.notification("new", "inc-2"), channels=("slack",)))
        due = store.read(lambda tx: tx.outbox.due(a.at, limit=10, only="slack"))
    assert [one.notification.id for one in due] == ["new", "old-1", "old-2"]

"""What `recoverops check` says of the store: read-only, and of every store that cannot work."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from tests.conftest import Database, ManualClock

from recoverops.model import MisconfiguredError, PermanentError, UnreachableError
from recoverops.storage import StorageSettings, StoreLook, look_at_store, open_store
from recoverops.testing import free_port

FILE = "recoverops.sqlite"


def look(database: Database) -> StoreLook:
    return look_at_store(database.settings, data_dir=database.data_dir)


def set_revision(database: Database, clock: ManualClock, revision: str) -> None:
    with database.open(clock) as store, store.write_engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :to"), {"to": revision})


def test_a_store_of_this_release_is_current_also_beside_an_engine_and_nothing_is_left(
    database: Database, clock: ManualClock
) -> None:
    with database.open(clock):
        assert look(database) is StoreLook.CURRENT
    before = files_of(database.data_dir)
    assert look(database) is StoreLook.CURRENT
    assert files_of(database.data_dir) == before


def files_of(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


@pytest.mark.parametrize(("left_out", "told"), [("", StoreLook.CURRENT), ("-shm", StoreLook.UNSEEN)])
def test_a_look_at_a_store_that_was_not_closed_makes_and_changes_nothing(
    tmp_path: Path, clock: ManualClock, left_out: str, told: StoreLook
) -> None:
    copied = tmp_path / "copied"
    copied.mkdir()
    with open_store(StorageSettings(), data_dir=tmp_path / "data", clock=clock):
        for file in ("", "-wal", "-shm"):
            shutil.copy(tmp_path / "data" / f"{FILE}{file}", copied)
    if left_out:
        (copied / f"{FILE}{left_out}").unlink()
    before = files_of(copied)
    assert look_at_store(StorageSettings(), data_dir=copied) is told
    assert files_of(copied) == before
    open_store(StorageSettings(), data_dir=copied, clock=clock).close()
    assert look_at_store(StorageSettings(), data_dir=copied) is StoreLook.CURRENT


def test_an_older_schema_is_upgraded_by_the_start_and_not_by_a_look(database: Database, clock: ManualClock) -> None:
    set_revision(database, clock, "0003")
    assert look(database) is look(database) is StoreLook.OLDER


def test_a_schema_of_a_newer_release_is_refused(database: Database, clock: ManualClock) -> None:
    set_revision(database, clock, "9999")
    with pytest.raises(MisconfiguredError, match=r"schema revision 9999.* newer release"):
        look(database)


def test_no_database_is_made_by_a_look(tmp_path: Path) -> None:
    assert look_at_store(StorageSettings(), data_dir=tmp_path / "data") is StoreLook.NONE_YET
    assert list(tmp_path.iterdir()) == []
    (tmp_path / FILE).touch()
    assert look_at_store(StorageSettings(), data_dir=tmp_path) is StoreLook.NONE_YET
    assert (tmp_path / FILE).read_bytes() == b""


def test_an_empty_database_of_a_server_gets_its_schema_at_the_start(postgres_url: str, tmp_path: Path) -> None:
    settings = StorageSettings(url=SecretStr(postgres_url))
    assert look_at_store(settings, data_dir=tmp_path) is StoreLook.NONE_YET
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\x07random" * 1000)
    with pytest.raises(PermanentError, match="the database is damaged"):
        look_at_store(StorageSettings(), data_dir=tmp_path)


def test_somebody_elses_database_has_no_schema_of_ours(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    assert look_at_store(StorageSettings(), data_dir=tmp_path) is StoreLook.NONE_YET


def test_a_server_that_is_not_there_is_unreachable_and_its_password_is_not_told(tmp_path: Path) -> None:
    url = f"postgresql://u:tell-nobody@127.0.0.1:{free_port()}/none"
    with pytest.raises(UnreachableError, match="does not answer") as told:
        look_at_store(StorageSettings(url=SecretStr(url)), data_dir=tmp_path)
    assert "tell-nobody" not in str(told.value)

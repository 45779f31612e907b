"""Which database the settings mean, and how its connections are set up."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from recoverops.model import MisconfiguredError, PermanentError
from recoverops.storage import StorageSettings
from recoverops.storage.engines import make_engines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database, ManualClock


def settings(url: str = "") -> StorageSettings:
    return StorageSettings.model_validate({"url": url})


def test_an_empty_address_means_the_file_in_the_data_directory(tmp_path: Path) -> None:
    engines = make_engines(settings(), data_dir=tmp_path)
    assert engines.sqlite_file == tmp_path / "recoverops.sqlite"
    assert engines.write.url.database == str(tmp_path / "recoverops.sqlite")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_gets_the_same_driver(tmp_path: Path, scheme: str) -> None:
    engines = make_engines(settings(f"{scheme}://ada:secret@db.example:5433/ops"), data_dir=tmp_path)
    assert engines.write.url.drivername == "postgresql+psycopg"
    assert (engines.write.url.host, engines.write.url.port, engines.sqlite_file) == ("db.example", 5433, None)


@pytest.mark.parametrize("url", ["mysql://db/ops", "sqlite:///x.sqlite", "not a url"])
def test_another_address_is_refused_without_repeating_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(MisconfiguredError, match=r"^storage\.url") as refusal:
        make_engines(settings(url), data_dir=tmp_path)
    assert "postgresql://" in str(refusal.value)
    assert url not in str(refusal.value)


def test_the_address_with_its_password_is_not_printed() -> None:
    assert "secret" not in repr(settings("postgresql://ada:secret@db/ops"))


def test_every_setting_has_its_prose_and_unknown_ones_are_refused() -> None:
    for name, field in StorageSettings.model_fields.items():
        assert field.description, name
    with pytest.raises(ValidationError, match="intake_bytes"):
        StorageSettings.model_validate({"intake_bytes": 5})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_that_is_no_database_is_said_to_be_damaged(database: Database, clock: ManualClock) -> None:
    database.data_dir.mkdir(mode=0o700)
    (database.data_dir / "recoverops.sqlite").write_bytes(b"not a database at all" * 500)
    with pytest.raises(PermanentError, match=r"the database is damaged .* restore a backup"):
        database.open(clock)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_commit_is_durable_and_foreign_keys_hold_on_every_connection(database: Database, clock: ManualClock) -> None:
    with database.open(clock) as store, store.write_engine.connect() as connection:
        answers = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout")
        }
    assert answers == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "busy_timeout": 30_000,
    }


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_write_holds_the_file_from_its_beginning_so_that_it_cannot_fail_half_way(
    database: Database, clock: ManualClock
) -> None:
    def write(_: object) -> None:
        with contextlib.closing(sqlite3.connect(database.data_dir / "recoverops.sqlite", timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")

    with database.open(clock) as store, pytest.raises(sqlite3.OperationalError, match="locked"):
        store.write(write)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_writer_that_fails_to_begin_leaves_the_turn_to_the_next(database: Database, clock: ManualClock) -> None:
    with database.open(clock) as store:
        for _ in range(3):
            connection = store.write_engine.connect()
            connection.invalidate()
            connection.close()
        assert store.write(lambda tx: tx.audit.head()) is None

"""What the database itself refuses, asked with raw SQL past all of our code."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from recoverops.model import (
    LEGAL_TRANSITIONS,
    ConflictError,
    Incident,
    IncidentId,
    IncidentState,
    Outcome,
    OutcomeStatus,
)
from recoverops.storage.schema import metadata

if TYPE_CHECKING:
    from tests.conftest import Database, Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore

ILLEGAL = sorted(
    pair for pair in itertools.product(IncidentState, repeat=2) if pair[0] != pair[1] and pair not in LEGAL_TRANSITIONS
)


def change(store: SqlStore, statement: str, **values: object) -> int:
    with store.write_engine.begin() as connection:
        return connection.execute(sa.text(statement), values).rowcount


@pytest.fixture
def filled(store: SqlStore, a: Records) -> SqlStore:
    """One incident in every state, with a finished action, and two audit entries."""

    def fill(tx: Tx) -> None:
        for state in IncidentState:
            tx.incidents.insert(a.incident(state, state=state))
        tx.runs.insert(a.run(incident="open"))
        tx.runs.insert_intent(a.intent())
        tx.runs.record_outcome(a.intent().key, Outcome(status=OutcomeStatus.SUCCEEDED, statement="restarted", at=a.at))
        tx.audit.append(at=a.at, actor="engine", event="acted", subject="run-1", detail={})
        tx.audit.append(at=a.at, actor="engine", event="verified", subject="run-1", detail={})

    store.write(fill)
    return store


def test_the_database_refuses_every_illegal_transition(filled: SqlStore) -> None:
    assert len(ILLEGAL) == 30 - len(LEGAL_TRANSITIONS)
    for old, new in ILLEGAL:
        with pytest.raises(sa.exc.IntegrityError, match="life cycle has no"):
            change(filled, "UPDATE incident SET state = :new WHERE id = :old", old=old, new=new)


@pytest.mark.parametrize(("old", "new"), sorted(LEGAL_TRANSITIONS))
def test_the_database_allows_every_legal_transition(filled: SqlStore, old: IncidentState, new: IncidentState) -> None:
    assert change(filled, "UPDATE incident SET state = :new WHERE id = :old", old=old, new=new) == 1


def get(tx: Tx, *, name: str) -> Incident:
    return tx.incidents.get(IncidentId(name))


def save(tx: Tx, *, incident: Incident) -> Incident:
    return tx.incidents.save(incident)


def test_the_store_answers_every_illegal_transition_with_a_conflict(filled: SqlStore) -> None:
    for old, new in ILLEGAL:
        incident = filled.read(partial(get, name=old))
        with pytest.raises(ConflictError, match=f"is {old}; the life cycle has no step from there to {new}"):
            filled.write(partial(save, incident=msgspec.structs.replace(incident, state=new)))


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM incident WHERE id = 'escalated'", "incidents are never deleted before they are resolved"),
        ("UPDATE audit_entry SET actor = 'nobody' WHERE seq = 2", "audit entries are never changed"),
        ("DELETE FROM audit_entry WHERE seq = 2", "audit entries are never deleted"),
        ("UPDATE action_record SET outcome = 'failed'", "an action has one outcome"),
        ("UPDATE action_record SET outcome = NULL", "an action has one outcome"),
    ],
)
def test_the_database_refuses_to_rewrite_history(filled: SqlStore, statement: str, sentence: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match=sentence):
        change(filled, statement)


def test_the_database_refuses_a_second_open_incident_with_one_fingerprint(filled: SqlStore) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        change(
            filled,
            "INSERT INTO incident (id, fingerprint, state, response, opened_at, revision, record) "
            "SELECT 'second', fingerprint, 'acting', response, opened_at, 1, record FROM incident WHERE id = 'open'",
        )


def test_the_database_refuses_a_second_intent_with_one_key(filled: SqlStore) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        change(filled, "INSERT INTO action_record (key, run_id, step, record) VALUES ('run-1:1', 'run-1', 1, '{}')")


def test_the_database_refuses_a_second_lock_on_one_resource(store: SqlStore) -> None:
    lock = "INSERT INTO resource_lock (resource, run_id, at) VALUES ('service:checkout', :run, 0)"
    change(store, lock, run="run-1")
    with pytest.raises(sa.exc.IntegrityError):
        change(store, lock, run="run-2")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("statement", ["TRUNCATE incident CASCADE", "TRUNCATE audit_entry"])
def test_postgresql_refuses_to_empty_a_guarded_table(filled: SqlStore, statement: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="never deleted"):
        change(filled, statement)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("table", "condition"), [("incident", "id = 'open'"), ("audit_entry", "seq = 1")])
def test_sqlite_refuses_to_replace_a_guarded_row_also_on_a_connection_without_our_settings(
    filled: SqlStore, database: Database, table: str, condition: str
) -> None:
    with contextlib.closing(sqlite3.connect(database.data_dir / "recoverops.sqlite")) as raw:
        with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
            raw.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE {condition}")
        raw.rollback()


def test_the_transitions_in_the_database_are_those_of_the_model(store: SqlStore) -> None:
    with store.write_engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT from_state, to_state FROM incident_transition"))
        assert {(old, new) for old, new in rows} == {(old.value, new.value) for old, new in LEGAL_TRANSITIONS}


def test_the_migrated_tables_are_those_that_the_code_queries(store: SqlStore) -> None:
    with store.write_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT seq FROM signal WHERE processed_at IS NULL ORDER BY seq LIMIT 10", "signal_pending"),
        (
            "SELECT max(seq) FROM signal WHERE processed_at IS NOT NULL GROUP BY source, fingerprint",
            "COVERING INDEX signal_newest",
        ),
        ("SELECT id FROM incident WHERE response = 'due' AND state <> 'resolved' ORDER BY opened_at", "incident_due"),
        ("SELECT id FROM incident WHERE fingerprint = 'x' AND state <> 'resolved'", "incident_one_open"),
        (
            "SELECT seq FROM delivery WHERE state = 'pending' AND next_at > 5 AND next_at <= 9 ORDER BY next_at DESC",
            "delivery_due",
        ),
        (
            "SELECT seq FROM delivery WHERE state = 'pending' AND channel = 'slack' ORDER BY place, seq LIMIT 50",
            "delivery_queue",
        ),
    ],
)
def test_sqlite_answers_the_hot_questions_from_an_index(store: SqlStore, query: str, index: str) -> None:
    with store.write_engine.connect() as connection:
        assert f"{index}" in str(connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}")).all())

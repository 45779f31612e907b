"""Small makers of statements, two of them for what each database spells its own way, and the reading back of records.

Statements are built once, as module constants of the table files; a query at run time only binds its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from recoverops.model import Record, from_json

R = TypeVar("R", bound=Record)

ByDialect = Mapping[str, sa.Insert]


def insert_unless_there(table: sa.Table, *, returning: sa.Column[str] | None = None) -> ByDialect:
    """An insert that leaves an existing row alone; its row count, or what it returns, tells which were new."""
    plain = {
        "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
    }
    if returning is None:
        # After an INSERT SQLAlchemy keeps the row count only when it is asked to.
        return {name: statement.execution_options(preserve_rowcount=True) for name, statement in plain.items()}
    return {name: statement.returning(returning) for name, statement in plain.items()}


def insert_or_replace(table: sa.Table, *, key: str, columns: tuple[str, ...]) -> ByDialect:
    """An insert that overwrites `columns` of the row with the same `key`."""
    small, large = sqlite.insert(table), postgresql.insert(table)
    return {
        "sqlite": small.on_conflict_do_update(
            index_elements=[key], set_={column: small.excluded[column] for column in columns}
        ),
        "postgresql": large.on_conflict_do_update(
            index_elements=[key], set_={column: large.excluded[column] for column in columns}
        ),
    }


def ends_with(column: sa.Column[str], parameter: str) -> sa.ColumnElement[bool]:
    """Whether it ends in the text of the parameter: by capitals too, and without the wildcards that LIKE has."""
    end = sa.bindparam(parameter, type_=sa.Text())
    return sa.func.substr(column, sa.func.length(column) - sa.func.length(end) + 1) == end


def newest_time(table: sa.Table, column: sa.Column[datetime]) -> sa.Select[datetime]:
    """Takes the id of an incident as `id`. For `in_turn`."""
    return sa.select(sa.func.max(column)).where(table.c.incident_id == sa.bindparam("id"))


def in_turn(connection: sa.Connection, newest: sa.Select[datetime], incident_id: str, at: datetime) -> datetime:
    """What to order a row by that is written at `at`: it comes last, also when the clock was set back before it."""
    last: datetime | None = connection.execute(newest, {"id": incident_id}).scalar()
    return at if last is None else max(at, last + timedelta(microseconds=1))


def records(
    connection: sa.Connection, statement: sa.Select[str], cls: type[R], parameters: Mapping[str, object] | None = None
) -> tuple[R, ...]:
    """The records of a statement that selects the column `record` and nothing else."""
    return tuple(from_json(cls, text) for text in connection.execute(statement, parameters).scalars())


def first_record(
    connection: sa.Connection, statement: sa.Select[str], cls: type[R], parameters: Mapping[str, object]
) -> R | None:
    text = connection.execute(statement, parameters).scalars().first()
    return None if text is None else from_json(cls, text)

"""How a transaction begins on SQLite: `sqlite+reading` takes a snapshot, `sqlite+writing` takes the writer's lock.

Used by `engines` only. SQLAlchemy's recipe for this is a listener for `begin`; but an engine with any listener of its
kind looks for listeners around every statement, which was a twelfth of the processor time of an alert.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import PoolProxiedConnection

READING, WRITING = "sqlite+reading", "sqlite+writing"


class ReadingDialect(SQLiteDialect_pysqlite):
    supports_statement_cache = True

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        _driver(dbapi_connection).execute("BEGIN")


class WritingDialect(SQLiteDialect_pysqlite):
    supports_statement_cache = True

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        _driver(dbapi_connection).execute("BEGIN IMMEDIATE")


def _driver(connection: PoolProxiedConnection) -> sqlite3.Connection:
    driver = connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


registry.register("sqlite.reading", __name__, ReadingDialect.__name__)
registry.register("sqlite.writing", __name__, WritingDialect.__name__)

"""Where DBOS looks for what a transaction of a segment answered before a crash: among the readers of the store.

By itself it looks on the engine that it writes with, and so queues for SQLite's single writer twice for each `ctx.tx`:
to find nothing, as a rule, and to do the work. A row that commits just after the look is met by the work's own insert,
which DBOS answers with that row.

Called by `on_dbos` once for each datasource. No behaviour hangs on it: should a later DBOS not have the method, the
look merely waits its turn again.
"""

from __future__ import annotations

import copy

import sqlalchemy as sa
from dbos import SQLAlchemyDatasource

_LOOK = "_check_execution"


def look_up_on(reading: sa.Engine, datasource: SQLAlchemyDatasource) -> None:
    reader = copy.copy(datasource)
    reader.engine = reading
    if hasattr(reader, _LOOK):
        setattr(datasource, _LOOK, getattr(reader, _LOOK))

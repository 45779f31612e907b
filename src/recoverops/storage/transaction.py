"""Everything that one transaction can read and change: the `Tx` of the ports, on one SQLAlchemy connection.

It neither begins nor commits; `SqlStore`, which owns the connection, does.
"""

from __future__ import annotations

import sqlalchemy as sa

from recoverops.storage.approvals import SqlApprovals
from recoverops.storage.audit import SqlAudit
from recoverops.storage.decisions import SqlDecisions
from recoverops.storage.events import SqlEvents
from recoverops.storage.incidents import SqlIncidents
from recoverops.storage.limits import SqlLimits
from recoverops.storage.outbox import SqlOutbox
from recoverops.storage.runs import SqlRuns
from recoverops.storage.signals import SqlSignals
from recoverops.storage.silences import SqlSilences
from recoverops.storage.streams import SqlStreams
from recoverops.storage.waits import SqlWaits


class SqlTx:
    __slots__ = (
        "_approvals",
        "_audit",
        "_decisions",
        "_events",
        "_incidents",
        "_limits",
        "_outbox",
        "_runs",
        "_signals",
        "_silences",
        "_streams",
        "_waits",
    )

    def __init__(self, connection: sa.Connection, *, may_write: bool = True) -> None:
        self._signals = SqlSignals(connection)
        self._incidents = SqlIncidents(connection)
        self._decisions = SqlDecisions(connection)
        self._runs = SqlRuns(connection)
        self._approvals = SqlApprovals(connection)
        self._waits = SqlWaits(connection)
        self._limits = SqlLimits(connection, may_write=may_write)
        self._silences = SqlSilences(connection)
        self._streams = SqlStreams(connection)
        self._events = SqlEvents(connection)
        self._outbox = SqlOutbox(connection)
        self._audit = SqlAudit(connection)

    @property
    def signals(self) -> SqlSignals:
        return self._signals

    @property
    def incidents(self) -> SqlIncidents:
        return self._incidents

    @property
    def decisions(self) -> SqlDecisions:
        return self._decisions

    @property
    def runs(self) -> SqlRuns:
        return self._runs

    @property
    def approvals(self) -> SqlApprovals:
        return self._approvals

    @property
    def waits(self) -> SqlWaits:
        return self._waits

    @property
    def limits(self) -> SqlLimits:
        return self._limits

    @property
    def silences(self) -> SqlSilences:
        return self._silences

    @property
    def streams(self) -> SqlStreams:
        return self._streams

    @property
    def events(self) -> SqlEvents:
        return self._events

    @property
    def outbox(self) -> SqlOutbox:
        return self._outbox

    @property
    def audit(self) -> SqlAudit:
        return self._audit

"""Rates, cooldowns and locks: read and reserved in one serialised transaction.

A window is half open: an action of exactly one hour ago is out of it, so the next one is free at `oldest + 1 h` sharp.
Actions with a time later than `now` count too; a clock that stepped back must not make room.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from recoverops.model import ConflictError, Resource, RunId
from recoverops.ports import LastAction, Lock, Standing, Usage
from recoverops.storage.schema import reservation, resource_lock
from recoverops.storage.serial import take_serial_lock
from recoverops.storage.statements import insert_unless_there

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_in_hour = reservation.c.at > sa.bindparam("hour_ago", type_=reservation.c.at.type)
_COUNTS = sa.select(
    sa.func.count().filter(_in_hour),
    sa.func.count(),
).where(reservation.c.at > sa.bindparam("day_ago"), reservation.c.run_id != sa.bindparam("ignoring"))
_NEWEST = (
    sa.select(reservation.c.at)
    .where(reservation.c.at > sa.bindparam("since"), reservation.c.run_id != sa.bindparam("ignoring"))
    .order_by(reservation.c.at.desc())
    .offset(sa.bindparam("skip"))
    .limit(1)
)
_LAST_ON_TARGET = sa.select(sa.func.max(reservation.c.at)).where(
    reservation.c.target == sa.bindparam("target"), reservation.c.run_id != sa.bindparam("ignoring")
)
_LOCKS = (
    sa.select(resource_lock.c.resource, resource_lock.c.run_id)
    .where(resource_lock.c.run_id != sa.bindparam("ignoring"))
    .order_by(resource_lock.c.resource)
)
_LAST_ACTIONS = (
    sa.select(reservation.c.target, sa.func.max(reservation.c.at))
    .where(reservation.c.at > sa.bindparam("acted_after"))
    .group_by(reservation.c.target)
    .order_by(reservation.c.target)
)
_ALL_LOCKS = sa.select(resource_lock.c.resource, resource_lock.c.run_id, resource_lock.c.at).order_by(
    resource_lock.c.resource
)
_COUNT = sa.insert(reservation)
_LOCK = insert_unless_there(resource_lock)
_RELEASE = sa.delete(resource_lock).where(resource_lock.c.run_id == sa.bindparam("b_run_id"))
_UNCOUNT = sa.delete(reservation).where(reservation.c.run_id == sa.bindparam("b_run_id"))

_NO_RUN = RunId("")


class SqlLimits:
    __slots__ = ("_connection", "_may_write")

    def __init__(self, connection: sa.Connection, *, may_write: bool) -> None:
        self._connection = connection
        self._may_write = may_write

    def usage(self, target: Resource, *, now: datetime, ignoring: RunId | None = None) -> Usage:
        """In a transaction that only reads (a dry run) there is nothing to serialise, and no lock is taken."""
        if self._may_write:
            take_serial_lock(self._connection)
        run_id = _NO_RUN if ignoring is None else ignoring
        window = {"hour_ago": now - HOUR, "day_ago": now - DAY, "ignoring": run_id}
        in_hour, in_day = self._connection.execute(_COUNTS, window).one()
        locks = self._locks(ignoring=run_id)
        return Usage(
            last_on_target=self._connection.execute(
                _LAST_ON_TARGET, {"target": str(target), "ignoring": run_id}
            ).scalar(),
            in_last_hour=in_hour,
            in_last_day=in_day,
            locked_by=locks.get(str(target)),
            targets_in_flight=tuple(locks),
        )

    def _locks(self, *, ignoring: RunId) -> dict[str, RunId]:
        rows = self._connection.execute(_LOCKS, {"ignoring": ignoring})
        return {resource: RunId(run_id) for resource, run_id in rows}

    def free_at(self, *, most: int, window: timedelta, now: datetime, ignoring: RunId | None = None) -> datetime | None:
        """There is room when only `most - 1` are left in it: when the `most`-th newest has gone."""
        if most == 0:
            return None
        asked = {"since": now - window, "ignoring": _NO_RUN if ignoring is None else ignoring, "skip": most - 1}
        leaving: datetime | None = self._connection.execute(_NEWEST, asked).scalar()
        return None if leaving is None else leaving + window

    def standing(self, *, now: datetime, acted_after: datetime) -> Standing:
        window = {"hour_ago": now - HOUR, "day_ago": now - DAY, "ignoring": _NO_RUN}
        in_hour, in_day = self._connection.execute(_COUNTS, window).one()
        actions = self._connection.execute(_LAST_ACTIONS, {"acted_after": acted_after})
        locks = self._connection.execute(_ALL_LOCKS)
        return Standing(
            in_last_hour=in_hour,
            in_last_day=in_day,
            last_actions=tuple(LastAction(target=target, at=at) for target, at in actions),
            locks=tuple(Lock(resource=resource, run_id=RunId(run_id), since=at) for resource, run_id, at in locks),
        )

    def reserve(self, *, run_id: RunId, target: Resource, touches: Sequence[Resource], at: datetime) -> None:
        """Each call counts one action. A lock that this run holds already is no conflict; on a conflict nothing at
        all is reserved, so the caller may go on in the same transaction."""
        take_serial_lock(self._connection)
        wanted = sorted({str(target), *map(str, touches)})
        held = self._locks(ignoring=run_id)
        for resource in wanted:
            if resource in held:
                raise ConflictError(
                    f"{resource} is locked by run {held[resource]}; run {run_id} has to wait until that one has ended"
                )
        rows = [{"resource": resource, "run_id": run_id, "at": at} for resource in wanted]
        self._connection.execute(_LOCK[self._connection.dialect.name], rows)
        self._connection.execute(_COUNT, {"run_id": run_id, "target": str(target), "at": at})

    def release(self, run_id: RunId) -> None:
        self._connection.execute(_RELEASE, {"b_run_id": run_id})

    def cancel(self, run_id: RunId) -> None:
        self.release(run_id)
        self._connection.execute(_UNCOUNT, {"b_run_id": run_id})

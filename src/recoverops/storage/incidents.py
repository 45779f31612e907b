"""Incidents, their ranked hypotheses and their story.

The life cycle stands in the database: a table of legal transitions with triggers, and one open incident per
fingerprint by a unique index. The statements here ask the same questions first, so that a conflict leaves the
transaction usable on PostgreSQL too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from recoverops.model import (
    ConflictError,
    Fingerprint,
    Hypothesis,
    Incident,
    IncidentId,
    IncidentState,
    NotFoundError,
    TimelineEntry,
    to_json,
)
from recoverops.storage.refusals import refused
from recoverops.storage.schema import hypothesis, incident, incident_transition, timeline_entry
from recoverops.storage.statements import ends_with, first_record, insert_unless_there, records

_INSERT = insert_unless_there(incident)

_LEGAL = sa.exists().where(
    incident_transition.c.from_state == incident.c.state, incident_transition.c.to_state == sa.bindparam("b_to")
)
_SAVE = (
    sa.update(incident)
    .where(
        incident.c.id == sa.bindparam("b_id"),
        incident.c.revision == sa.bindparam("b_revision"),
        sa.or_(incident.c.state == sa.bindparam("b_to"), _LEGAL),
    )
    .values(
        fingerprint=sa.bindparam("b_fingerprint"),
        state=sa.bindparam("b_to"),
        response=sa.bindparam("b_response"),
        revision=sa.bindparam("b_next"),
        record=sa.bindparam("b_record"),
    )
)

_RECORD = sa.select(incident.c.record)
_GET = _RECORD.where(incident.c.id == sa.bindparam("id"))
_STANDING = sa.select(incident.c.revision, incident.c.state).where(incident.c.id == sa.bindparam("id"))
_OPEN = _RECORD.where(
    incident.c.fingerprint == sa.bindparam("fingerprint"), incident.c.state != sa.literal_column("'resolved'")
)
_SOME = _RECORD.where(incident.c.id.in_(sa.bindparam("ids", expanding=True)))
_OPEN_ANY = _RECORD.where(
    incident.c.fingerprint.in_(sa.bindparam("fingerprints", expanding=True)),
    incident.c.state != sa.literal_column("'resolved'"),
)
_NEWEST = _RECORD.order_by(incident.c.opened_at.desc(), incident.c.id.desc()).limit(sa.bindparam("limit"))
_ENDING = _NEWEST.where(ends_with(incident.c.id, "end"))
_IN_STATES = incident.c.state.in_(sa.bindparam("states", expanding=True))
_OLDER = sa.tuple_(incident.c.opened_at, incident.c.id) < sa.tuple_(
    sa.bindparam("before_at", type_=incident.c.opened_at.type), sa.bindparam("before_id")
)
_NEWEST_WITH = (
    _RECORD.where(incident.c.fingerprint == sa.bindparam("fingerprint"))
    .order_by(incident.c.opened_at.desc(), incident.c.id.desc())
    .limit(1)
)
# Written as literals, because only then a partial index answers them.
_DUE = _RECORD.where(
    incident.c.response == sa.literal_column("'due'"), incident.c.state != sa.literal_column("'resolved'")
).order_by(incident.c.opened_at)

_OLDEST_OPEN = sa.select(sa.func.min(incident.c.opened_at)).where(incident.c.state != sa.literal_column("'resolved'"))

_FORGET_HYPOTHESES = sa.delete(hypothesis).where(hypothesis.c.incident_id == sa.bindparam("b_id"))
_HYPOTHESES = (
    sa.select(hypothesis.c.record).where(hypothesis.c.incident_id == sa.bindparam("id")).order_by(hypothesis.c.rank)
)
_ADD_HYPOTHESIS = sa.insert(hypothesis)
_TELL = sa.insert(timeline_entry)
_TIMELINE = (
    sa.select(timeline_entry.c.record)
    .where(timeline_entry.c.incident_id == sa.bindparam("id"))
    .order_by(timeline_entry.c.seq)
)


class SqlIncidents:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, incident: Incident) -> None:
        row = {
            "id": incident.id,
            "fingerprint": incident.fingerprint,
            "state": incident.state.value,
            "response": incident.response.value,
            "opened_at": incident.opened_at,
            "revision": incident.revision,
            "record": to_json(incident),
        }
        try:
            is_new = self._connection.execute(_INSERT[self._connection.dialect.name], row).rowcount == 1
        except sa.exc.IntegrityError as error:
            raise self._why_not_inserted(incident) from error
        if not is_new:
            raise self._why_not_inserted(incident)

    def _why_not_inserted(self, incident: Incident) -> ConflictError:
        other = self.open_with(incident.fingerprint)
        if other is not None and other.id != incident.id:
            return ConflictError(
                f"incident {incident.id} cannot be opened: {other.id} with the same fingerprint "
                f"({incident.fingerprint}) is still {other.state}; add to that one"
            )
        return ConflictError(f"incident {incident.id} is stored already; save it instead of inserting it again")

    def save(self, incident: Incident) -> Incident:
        saved = _next(incident)
        with refused(f"incident {incident.id} cannot be saved"):
            if self._connection.execute(_SAVE, _row(saved)).rowcount == 1:
                return saved
        raise self._why_not_saved(incident)

    def save_all(self, incidents: Sequence[Incident]) -> tuple[Incident, ...]:
        saved = tuple(map(_next, incidents))
        if not saved:
            return ()
        with refused(f"incidents {saved[0].id} to {saved[-1].id} cannot be saved"):
            if self._connection.execute(_SAVE, list(map(_row, saved))).rowcount == len(saved):
                return saved
        raise ConflictError(
            f"of {len(saved)} incidents, {saved[0].id} to {saved[-1].id}, at least one was saved by somebody else, "
            "or its life cycle has no such step; read them again and decide anew"
        )

    def _why_not_saved(self, incident: Incident) -> ConflictError | NotFoundError:
        standing = self._connection.execute(_STANDING, {"id": incident.id}).first()
        if standing is None:
            return _unknown(incident.id)
        revision, state = standing
        if revision != incident.revision:
            return ConflictError(
                f"incident {incident.id} is at revision {revision}, this save began at {incident.revision}; "
                "read it again and decide anew"
            )
        return ConflictError(
            f"incident {incident.id} is {state}; the life cycle has no step from there to {incident.state}"
        )

    def get(self, incident_id: IncidentId) -> Incident:
        found = first_record(self._connection, _GET, Incident, {"id": incident_id})
        if found is None:
            raise _unknown(incident_id)
        return found

    def open_with(self, fingerprint: Fingerprint) -> Incident | None:
        return first_record(self._connection, _OPEN, Incident, {"fingerprint": fingerprint})

    def open_with_any(self, fingerprints: Collection[Fingerprint]) -> tuple[Incident, ...]:
        return records(self._connection, _OPEN_ANY, Incident, {"fingerprints": tuple(fingerprints)})

    def some(self, ids: Collection[IncidentId]) -> tuple[Incident, ...]:
        return records(self._connection, _SOME, Incident, {"ids": tuple(ids)})

    def newest_with(self, fingerprint: Fingerprint) -> Incident | None:
        return first_record(self._connection, _NEWEST_WITH, Incident, {"fingerprint": fingerprint})

    def listed(
        self, *, states: Sequence[IncidentState] | None = None, limit: int = 100, before: Incident | None = None
    ) -> tuple[Incident, ...]:
        query, given = _NEWEST, dict[str, object](limit=limit)
        if states is not None:
            query, given = query.where(_IN_STATES), {**given, "states": [state.value for state in states]}
        if before is not None:
            query, given = query.where(_OLDER), {**given, "before_at": before.opened_at, "before_id": before.id}
        return records(self._connection, query, Incident, given)

    def ending(self, end: str, *, limit: int) -> tuple[Incident, ...]:
        return records(self._connection, _ENDING, Incident, {"end": end, "limit": limit})

    def due(self) -> tuple[Incident, ...]:
        """The severity stands in the record alone; all of them are read anyhow."""
        return tuple(sorted(records(self._connection, _DUE, Incident), key=lambda one: -one.severity.rank))

    def oldest_open_at(self) -> datetime | None:
        found: datetime | None = self._connection.execute(_OLDEST_OPEN).scalar()
        return found

    def set_hypotheses(self, incident_id: IncidentId, hypotheses: Sequence[Hypothesis]) -> None:
        self._connection.execute(_FORGET_HYPOTHESES, {"b_id": incident_id})
        rows = [
            {"incident_id": incident_id, "rank": rank, "record": to_json(item)}
            for rank, item in enumerate(hypotheses, start=1)
        ]
        if rows:
            with refused(f"hypotheses of incident {incident_id} cannot be stored"):
                self._connection.execute(_ADD_HYPOTHESIS, rows)

    def hypotheses(self, incident_id: IncidentId) -> tuple[Hypothesis, ...]:
        return records(self._connection, _HYPOTHESES, Hypothesis, {"id": incident_id})

    def tell(self, *entries: TimelineEntry) -> None:
        if not entries:
            return
        rows = [{"incident_id": entry.incident_id, "record": to_json(entry)} for entry in entries]
        with refused(f'"{entries[0].event}" cannot be added to the story of incident {entries[0].incident_id}'):
            self._connection.execute(_TELL, rows)

    def timeline(self, incident_id: IncidentId) -> tuple[TimelineEntry, ...]:
        return records(self._connection, _TIMELINE, TimelineEntry, {"id": incident_id})


def _next(incident: Incident) -> Incident:
    return msgspec.structs.replace(incident, revision=incident.revision + 1)


def _row(saved: Incident) -> dict[str, object]:
    """For the compare-and-set that makes it of the revision before."""
    return {
        "b_id": saved.id,
        "b_revision": saved.revision - 1,
        "b_next": saved.revision,
        "b_fingerprint": saved.fingerprint,
        "b_to": saved.state.value,
        "b_response": saved.response.value,
        "b_record": to_json(saved),
    }


def _unknown(incident_id: IncidentId) -> NotFoundError:
    return NotFoundError(f"there is no incident {incident_id}; `recoverops incidents` lists those that are stored")

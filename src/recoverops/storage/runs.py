"""Runs, and the intents and outcomes of their actions.

An intent's key is unique, and an outcome is written once: the database refuses both a second intent and a second
outcome, whoever asks.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from recoverops.model import (
    ActionRecord,
    ConflictError,
    IncidentId,
    NotFoundError,
    Outcome,
    PermanentError,
    Run,
    RunId,
    to_json,
)
from recoverops.storage.refusals import refused
from recoverops.storage.schema import action_record, run
from recoverops.storage.statements import first_record, insert_unless_there, records

_INSERT = insert_unless_there(run)
_SAVE = (
    sa.update(run)
    .where(run.c.id == sa.bindparam("b_id"), run.c.ended_at.is_(None))
    .values(ended_at=sa.bindparam("b_ended_at"), record=sa.bindparam("b_record"))
)
_RECORD = sa.select(run.c.record)
_GET = _RECORD.where(run.c.id == sa.bindparam("id"))
_OF_INCIDENT = _RECORD.where(run.c.incident_id == sa.bindparam("id")).order_by(run.c.started_at, run.c.id)
_UNFINISHED = (
    _RECORD.where(run.c.incident_id == sa.bindparam("id"), run.c.ended_at.is_(None))
    .order_by(run.c.started_at.desc(), run.c.id.desc())
    .limit(1)
)

_INTEND = insert_unless_there(action_record)
_ACTION = sa.select(action_record.c.record).where(action_record.c.key == sa.bindparam("key"))
_ACTIONS = (
    sa.select(action_record.c.record)
    .where(action_record.c.run_id == sa.bindparam("id"))
    .order_by(action_record.c.step, action_record.c.key)
)
_RECORD_OUTCOME = (
    sa.update(action_record)
    .where(action_record.c.key == sa.bindparam("b_key"), action_record.c.outcome.is_(None))
    .values(outcome=sa.bindparam("b_outcome"), record=sa.bindparam("b_record"))
)


class SqlRuns:
    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, run: Run) -> None:
        row = {
            "id": run.id,
            "incident_id": run.incident_id,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "record": to_json(run),
        }
        with refused(f"run {run.id} of incident {run.incident_id} cannot be stored"):
            if self._connection.execute(_INSERT[self._connection.dialect.name], row).rowcount == 1:
                return
        raise ConflictError(f"run {run.id} is stored already; save it instead of inserting it again")

    def save(self, run: Run) -> None:
        row = {"b_id": run.id, "b_ended_at": run.ended_at, "b_record": to_json(run)}
        if self._connection.execute(_SAVE, row).rowcount == 1:
            return
        stored = self.get(run.id)
        raise ConflictError(f"run {run.id} ended at {stored.ended_at} as {stored.state}; it cannot become {run.state}")

    def get(self, run_id: RunId) -> Run:
        found = first_record(self._connection, _GET, Run, {"id": run_id})
        if found is None:
            raise NotFoundError(f"there is no run {run_id}; `recoverops why <incident>` names the runs of an incident")
        return found

    def unfinished_of(self, incident_id: IncidentId) -> Run | None:
        return first_record(self._connection, _UNFINISHED, Run, {"id": incident_id})

    def of_incident(self, incident_id: IncidentId) -> tuple[Run, ...]:
        return records(self._connection, _OF_INCIDENT, Run, {"id": incident_id})

    def insert_intent(self, action: ActionRecord) -> ActionRecord | None:
        if action.outcome is not None:
            raise PermanentError(f"intent {action.key} comes with an outcome; an intent is stored before its effect")
        row = {"key": action.key, "run_id": action.run_id, "step": action.step, "record": to_json(action)}
        with refused(f"intent {action.key} of run {action.run_id} cannot be stored"):
            if self._connection.execute(_INTEND[self._connection.dialect.name], row).rowcount == 1:
                return None
        return self._action(action.key)

    def record_outcome(self, key: str, outcome: Outcome) -> None:
        action = self._action(key)
        told = msgspec.structs.replace(action, outcome=outcome)
        row = {"b_key": key, "b_outcome": outcome.status.value, "b_record": to_json(told)}
        if self._connection.execute(_RECORD_OUTCOME, row).rowcount == 1:
            return
        first = self._action(key).outcome
        assert first is not None
        raise ConflictError(
            f"action {key} has the outcome {first.status} since {first.at}; {outcome.status} was not recorded over it"
        )

    def _action(self, key: str) -> ActionRecord:
        found = first_record(self._connection, _ACTION, ActionRecord, {"key": key})
        if found is None:
            raise NotFoundError(f"there is no intent {key}; an outcome needs its intent stored before")
        return found

    def actions_of(self, run_id: RunId) -> tuple[ActionRecord, ...]:
        return records(self._connection, _ACTIONS, ActionRecord, {"id": run_id})

"""What people see of an incident: everything that was observed, decided, done and told, in one record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from recoverops.model import (
    ActionRecord,
    Approval,
    Decision,
    Delivery,
    Event,
    Hypothesis,
    Incident,
    IncidentId,
    IncidentState,
    Record,
    Run,
    TimelineEntry,
    Wait,
    to_plain,
)
from recoverops.operations.short_id import MOST_FOUND, named
from recoverops.operations.what_to_do import what_to_do
from recoverops.ports import Store, Tx
from recoverops.redact import redact

R = TypeVar("R", bound=Record)

EVENTS_BEFORE = timedelta(hours=1)
"""How long before the onset of an incident a change is worth telling."""
_MOST_EVENTS = 50


class RunStory(Record, frozen=True, kw_only=True):
    run: Run
    actions: tuple[ActionRecord, ...]


class IncidentStory(Record, frozen=True, kw_only=True):
    incident: Incident
    hypotheses: tuple[Hypothesis, ...]
    decisions: tuple[Decision, ...]
    runs: tuple[RunStory, ...]
    approval: Approval | None
    wait: Wait | None
    timeline: tuple[TimelineEntry, ...]
    deliveries: tuple[Delivery, ...]
    events: tuple[Event, ...]
    """What was changed about its resource in the hour before the onset and until it ended, the oldest first."""
    what_to_do: str
    """For a person; empty when nothing is."""

    def plain(self) -> dict[str, Any]:
        """As the doors show it: each run carries its actions."""
        told = to_plain(self)
        told["runs"] = [
            {**to_plain(one.run), "actions": [to_plain(action) for action in one.actions]} for one in self.runs
        ]
        return told


class IncidentPage(Record, frozen=True, kw_only=True):
    incidents: tuple[Incident, ...]
    next: IncidentId | None
    """Ask with `before` equal to this for the page after it; None when this is the last one."""


def list_incidents(
    store: Store, *, states: tuple[IncidentState, ...] | None = None, limit: int = 100, before: str | None = None
) -> IncidentPage:
    """Newest first; for people to see, not to be saved. `before` is an incident, by its id or an unambiguous end of it.

    Raises NotFoundError.
    """

    def found(tx: Tx) -> tuple[Incident, ...]:
        last = find_incident(tx, before) if before is not None else None
        return tx.incidents.listed(states=states, limit=limit + 1, before=last)

    one_more = store.read(found)
    page = one_more[:limit]
    shown = tuple(without_secrets(one) for one in page)
    return IncidentPage(incidents=shown, next=page[-1].id if len(one_more) > limit else None)


def tell_incident(store: Store, incident_id: str) -> IncidentStory:
    """Raises NotFoundError. An unambiguous end of an id is enough: `a3f9c1` for inc-20261120-101530-a3f9c1.

    For people to see, not to be saved.
    """
    return without_secrets(store.read(lambda tx: _story(tx, find_incident(tx, incident_id))))


def find_incident(tx: Tx, text: str) -> Incident:
    """By its id, or an unambiguous end of it of four characters or more. Raises NotFoundError."""
    return named(
        text,
        get=lambda: tx.incidents.get(IncidentId(text)),
        ending=lambda: tx.incidents.ending(text, limit=MOST_FOUND),
    )


def without_secrets(record: R) -> R:
    """The record with every text redacted. What identifies an alert is stored as its sender wrote it: people are told
    less."""
    return msgspec.convert(_redacted(msgspec.to_builtins(record)), type(record))


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(one) for one in value]
    return value


def _story(tx: Tx, incident: Incident) -> IncidentStory:
    approval = tx.approvals.newest_of(incident.id)
    return IncidentStory(
        incident=incident,
        hypotheses=tx.incidents.hypotheses(incident.id),
        decisions=tx.decisions.of_incident(incident.id),
        runs=tuple(RunStory(run=run, actions=tx.runs.actions_of(run.id)) for run in tx.runs.of_incident(incident.id)),
        approval=approval,
        wait=tx.waits.of_incident(incident.id),
        timeline=tx.incidents.timeline(incident.id),
        deliveries=tx.outbox.of_incident(incident.id),
        events=_events(tx, incident),
        what_to_do=what_to_do(incident, approval),
    )


def _events(tx: Tx, incident: Incident) -> tuple[Event, ...]:
    found = tx.events.listed(
        resource=incident.resource,
        since=incident.opened_at - EVENTS_BEFORE,
        until=incident.resolved_at,
        limit=_MOST_EVENTS,
    )
    return tuple(one.event for one in reversed(found))

"""How often a response looks for what is missing, and how long it has waited. Pure; the pipeline gives up by it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from recoverops.model import Incident, Silence

RAREST_LOOK = timedelta(seconds=60)


def pause_between_looks(incident: Incident, *, now: datetime) -> timedelta:
    """Where nobody knows when something changes, looks become rarer with the incident's age."""
    return min(RAREST_LOOK, (now - incident.opened_at) / 10)


def waited(incident: Incident, silences: Iterable[Silence], *, now: datetime) -> timedelta:
    """Since the response began, without the time under any of these silences; a time under two counts once."""
    silenced, counted_to = timedelta(0), incident.responding_since
    for silence in sorted(silences, key=lambda one: one.starts_at):
        begin, end = max(silence.starts_at, counted_to), min(silence.over_at, now)
        if end > begin:
            silenced, counted_to = silenced + (end - begin), end
    return now - incident.responding_since - silenced

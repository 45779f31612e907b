"""Every cause is asked; the surest hypothesis leads. Pure; called by the pipeline before each decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from recoverops.diagnosis.causes import CAUSES
from recoverops.diagnosis.facts import gather
from recoverops.model import Condition, Event, Hypothesis, Incident, Resource, Sample


def diagnose(
    incident: Incident,
    conditions: Iterable[Condition],
    *,
    now: datetime,
    max_age: timedelta,
    samples: Iterable[Sample] = (),
    dependencies: Mapping[Resource, Iterable[Condition]] | None = None,
    events: Iterable[Event] = (),
) -> tuple[Hypothesis, ...]:
    """Ranked, the surest first; among equals the more specific. Observations older than `max_age` are left out."""
    facts = gather(
        incident, conditions, samples, dependencies=dependencies or {}, events=events, now=now, max_age=max_age
    )
    found = [one for cause in CAUSES if (one := cause(facts)) is not None]
    return tuple(sorted(found, key=lambda one: -one.confidence))

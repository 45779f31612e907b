"""Lets a batch of anomalies open incidents or join open ones, in one transaction.

In a storm nearly all of them join. What that changes and tells is collected and written with one statement a table;
what is rare (an incident opens, opens again, or its trouble came back) is done one by one. Called by `observe`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from recoverops import incidents
from recoverops.model import (
    Anomaly,
    Fingerprint,
    Incident,
    ResponseStage,
    TimelineEntry,
    Wait,
    WaitKind,
    new_incident_id,
)
from recoverops.notifications import compose
from recoverops.pipeline.flapping import call_a_person, damped
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.story import tell, tell_all
from recoverops.ports import Tx
from recoverops.redact import redact

_OPEN_TO_EVIDENCE = frozenset({WaitKind.HOLD, WaitKind.GATE, WaitKind.APPROVAL})
"""Waits that new evidence brings forward, because the decision may be another one with it."""


class Joined(NamedTuple):
    """What is to be done about it when the transaction is over."""

    started: tuple[Incident, ...]
    """The incidents whose response is to start now, at the first segment of an episode."""
    wake_at: frozenset[datetime]
    """When others are due, which wait."""


def join_or_open(parts: Parts, tx: Tx, anomalies: Sequence[Anomaly]) -> Joined:
    joining = _Joining(parts, tx, anomalies)
    started = [one for anomaly in anomalies if (one := joining.take(anomaly)) is not None]
    joining.write()
    return Joined(started=tuple(started), wake_at=frozenset(joining.wake_at))


class _Joining:
    def __init__(self, parts: Parts, tx: Tx, anomalies: Sequence[Anomaly]) -> None:
        self._parts, self._tx = parts, tx
        self._now = parts.clock.now()
        found = tx.incidents.open_with_any({_trouble(anomaly) for anomaly in anomalies})
        self._open = {incident.fingerprint: incident for incident in found}
        self._grown: dict[Fingerprint, Incident] = {}
        self._told: list[TimelineEntry] = []
        self.wake_at: set[datetime] = set()

    def take(self, anomaly: Anomaly) -> Incident | None:
        """The incident when its response is to start now."""
        trouble = _trouble(anomaly)
        if trouble not in self._open:
            return self._begin(anomaly)
        self._told.append(_line(self._open[trouble], anomaly, at=self._now))
        if self._parts.conditions.has_been_normal(anomaly.series):
            self.write()
            self._open[trouble] = damped(self._parts, self._tx, self._open[trouble], anomaly, now=self._now)
        known = self._open[trouble]
        joined = incidents.joined(known, anomaly, now=self._now)
        if joined is known and not self._is_new_trouble(known, anomaly):
            return None
        if joined.response is ResponseStage.FINISHED and joined.flapping_since is None:
            return self._begin_again(joined, not_before=incidents.may_reopen_at(known, now=self._now))
        self._open[trouble] = self._grown[trouble] = joined
        return None

    def _is_new_trouble(self, known: Incident, anomaly: Anomaly) -> bool:
        """Whether all was well for long enough to end it, but for what nobody measures any more."""
        if known.response is not ResponseStage.FINISHED or known.request is not None:
            return False
        if self._parts.wall.last_step() is not None:
            return False  # how long it was well is not known
        told = incidents.fresh(
            self._parts.conditions.of_resource(anomaly.resource),
            now=self._now,
            max_age=self._parts.decision.evidence_max_age,
        )
        others = [one for one in told if one.series != anomaly.series]
        was_normal = self._parts.conditions.normal_before(anomaly.series)
        return was_normal >= self._parts.incidents.clear_after and not incidents.is_firing(known, others)

    def write(self) -> None:
        """What was collected; the story before anything else is told of these incidents."""
        if self._grown:
            for saved in self._tx.incidents.save_all(tuple(self._grown.values())):
                self._open[saved.fingerprint] = saved
            self._bring_forward(tuple(self._grown.values()))
            self._grown.clear()
        if self._told:
            tell_all(self._tx, self._told)
            self._told = []

    def _bring_forward(self, grown: Sequence[Incident]) -> None:
        waits = self._tx.waits.of_incidents([incident.id for incident in grown])
        for wait in waits:
            if wait.kind in _OPEN_TO_EVIDENCE and self._tx.waits.make_due(wait.incident_id, at=self._now):
                self.wake_at.add(self._now)

    def _begin(self, anomaly: Anomaly) -> Incident | None:
        """None when it is not to be responded to: it flaps, and a person was called."""
        parts, tx, now = self._parts, self._tx, self._now
        incident = incidents.opened(anomaly, incident_id=new_incident_id(now), now=now)
        earlier = tx.incidents.newest_with(incident.fingerprint)
        incident = incidents.with_onset(incident, at=now, settings=parts.incidents, earlier=earlier)
        tx.incidents.insert(incident)
        tell(tx, incident, "opened", anomaly.statement, at=now, actor=ENGINE, detail=_detail(anomaly))
        if incident.flapping_since is not None:
            self._open[incident.fingerprint] = call_a_person(parts, tx, incident, now=now)
            return None
        self._open[incident.fingerprint] = incident
        parts.post(tx, compose.incident_opened(incident, at=now))
        return incident

    def _begin_again(self, incident: Incident, *, not_before: datetime) -> Incident | None:
        """None when a pause comes first."""
        fresh = incidents.reopened(incident, now=self._now)
        if self._now >= not_before:
            return self._saved(fresh)
        self._tx.waits.park(Wait(incident_id=incident.id, kind=WaitKind.EVIDENCE, due_at=not_before, since=self._now))
        self._saved(msgspec.structs.replace(fresh, response=ResponseStage.PARKED))
        self.wake_at.add(not_before)
        return None

    def _saved(self, incident: Incident) -> Incident:
        saved = self._open[incident.fingerprint] = self._tx.incidents.save(incident)
        return saved


def _trouble(anomaly: Anomaly) -> Fingerprint:
    return incidents.fingerprint(anomaly.resource, anomaly.symptom)


def _line(incident: Incident, anomaly: Anomaly, *, at: datetime) -> TimelineEntry:
    return TimelineEntry(
        incident_id=incident.id,
        at=at,
        event="anomaly",
        actor=ENGINE,
        text=anomaly.statement,
        detail=_detail(anomaly),
    )


def _detail(anomaly: Anomaly) -> dict[str, str]:
    return {"series": redact(anomaly.series), "since": anomaly.since.isoformat(), "detector": anomaly.detector}

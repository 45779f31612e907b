"""Finds what is due and lets it go on: parked responses, responses that nobody runs, incidents whose trouble is over,
trouble that a rule matches at last.

One worker calls `tick` about once a second, and `wake_due` when it is nudged in between. Everything they do is
compare-and-set or idempotent, so one that is interrupted is simply repeated.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial

import msgspec

from recoverops import incidents
from recoverops.model import (
    ConflictError,
    Incident,
    IncidentId,
    IncidentState,
    ResponseStage,
    SegmentKey,
    Severity,
    Wait,
    WaitKind,
    said,
)
from recoverops.pipeline.again import again
from recoverops.pipeline.ending import resolve, restart_response
from recoverops.pipeline.flapping import call_a_person
from recoverops.pipeline.forgetting import Forgetting
from recoverops.pipeline.overdue import Overdue
from recoverops.pipeline.paging import PAGE, every_incident
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.rules_again import RulesAgain
from recoverops.pipeline.story import tell
from recoverops.pipeline.vanished import GONE_AFTER, Vanished
from recoverops.ports import Engine, Tx

ORPHAN_AFTER = timedelta(seconds=10)
"""A response that is due, but that nobody has been seen running for so long, is started afresh."""

MOST_RESUMPTIONS = 20
"""A segment that was cut off by the end of its process this often is taken to be the reason for it."""

RESUMED_TOGETHER = 200
"""In one transaction: a process that died in a storm left thousands."""

WOKEN_TOGETHER = 500
"""Between two looks at what is due: each is woken in a transaction of its own, and a worse one may come meanwhile."""

_LONGEST_LIST = 300
"""Characters of the names of series."""

RULE_MATCHES = "rule_matches"

_UNDER_WAY = frozenset({IncidentState.ACTING, IncidentState.VERIFYING})
_CLEARABLE = (IncidentState.OPEN, IncidentState.WAITING, IncidentState.ESCALATED)


class Sweep:
    def __init__(self, parts: Parts, engine: Engine) -> None:
        self._parts = parts
        self._engine = engine
        self._unattended: dict[str, datetime] = {}
        self._rules_again = RulesAgain(parts)
        self._vanished = Vanished(parts)
        self._forgetting = Forgetting(parts)
        self._overdue = Overdue(parts)

    def resume(self) -> None:
        """At the start of a process, before anything runs: goes on with what the last one left.

        What was cut off again and again is taken to be what ends the process; it is started afresh later, a few times,
        and then a person is called.
        """
        due = self._parts.store.read(lambda tx: tx.incidents.due())
        for first in range(0, len(due), RESUMED_TOGETHER):
            page = due[first : first + RESUMED_TOGETHER]
            for incident in again(partial(self._parts.store.write, partial(_counted, page))):
                if incident.resumed <= MOST_RESUMPTIONS:
                    self._engine.start(_key(incident), severity=_urgency(incident))
                    continue
                told = f"it was cut off {MOST_RESUMPTIONS} times in a row and is not resumed any more"
                self._start_afresh(_key(incident), f"{told}; look at what ended the process")

    def tick(self) -> None:
        """Looks at everything that is open."""
        self.wake_due()
        self._overdue.tell()
        self._start_due()
        self._close_cleared()
        self._ask_rules_again()
        self._forgetting.sometimes()

    def wake_due(self) -> None:
        """Goes on with what waited for this moment, and looks at nothing else."""
        self._record_steps()
        self._wake_parked()

    def _record_steps(self) -> None:
        """Steps of the wall clock, into the audit log."""
        steps, now = self._parts.wall.unrecorded(), self._parts.clock.now()
        if not steps:
            return

        def write(tx: Tx) -> None:
            for step in steps:
                detail = {"by_s": f"{step.by.total_seconds():.0f}", "statement": step.statement}
                tx.audit.append(at=step.seen_at, actor=ENGINE, event="clock.stepped", subject=ENGINE, detail=detail)
            # Set back, it would let those wait for as long again that have begun by the old time.
            for wait in tx.waits.listed():
                if wait.since > now:
                    tx.waits.make_due(wait.incident_id, at=now)

        self._parts.store.write(write)
        self._parts.wall.recorded(steps)

    def _wake_parked(self) -> None:
        now = self._parts.clock.now()
        for wait in self._parts.store.read(partial(_due_waits, now=now)):
            self._wake(wait)

    def _wake(self, wait: Wait) -> None:
        now = self._parts.clock.now()

        def write(tx: Tx) -> Incident | None:
            if not tx.waits.take(wait.incident_id):
                return None
            incident = tx.incidents.get(wait.incident_id)
            if incident.response is not ResponseStage.PARKED:
                return None
            if incident.flapping_since is not None and tx.runs.unfinished_of(incident.id) is None:
                call_a_person(self._parts, tx, incident, now=now)  # the action that was under way was not done
                return None
            return tx.incidents.save(msgspec.structs.replace(incident, response=ResponseStage.DUE))

        try:
            incident = self._parts.store.write(write)
        except ConflictError:
            return  # somebody changed it in between; the next tick looks again
        if incident is not None:
            self._engine.start(_key(incident), severity=_urgency(incident, wait))

    def _start_due(self) -> None:
        """Normally they run already. One that nobody runs is one whose failure could not be written down."""
        now = self._parts.clock.now()
        due = {_key(one).workflow_id: one for one in self._parts.store.read(lambda tx: tx.incidents.due())}
        self._unattended = {name: since for name, since in self._unattended.items() if name in due}
        for name, incident in due.items():
            key = _key(incident)
            if self._engine.is_running(key):
                self._unattended.pop(name, None)
                self._engine.start(key, severity=_urgency(incident))  # it may have become worse while it was queued
                continue
            since = self._unattended.setdefault(name, now)
            if now - since < ORPHAN_AFTER:
                self._engine.start(key, severity=_urgency(incident))
            else:
                self._start_afresh(key, "its segment ended without an ending; started afresh")

    def _start_afresh(self, key: SegmentKey, told: str) -> None:
        self._unattended.pop(key.workflow_id, None)
        try:
            self._parts.store.write(lambda tx: restart_response(self._parts, tx, key, told))
        except ConflictError:
            return

    def _close_cleared(self) -> None:
        parts, now = self._parts, self._parts.clock.now()
        self._vanished.begin()
        for incident in every_incident(parts.store, _CLEARABLE):
            if incident.response is ResponseStage.DUE:
                continue  # a response is working on it
            conditions = parts.conditions.of_resource(incident.resource)
            settled, max_age = incidents.quiet_needed(incident, parts.incidents), parts.decision.evidence_max_age
            if incidents.is_clear(incident, conditions, now=now, settled=settled, max_age=max_age):
                self._close(incident, f"every series at fault has been normal for {settled.total_seconds():g} s", now)
            elif gone := self._vanished.of(incident, conditions, now=now, settled=settled):
                if self._close(incident, _told_without(gone), now):
                    parts.conditions.forget(one for one in conditions if one.series in gone)
            else:
                self._rules_again.note(incident)

    def _ask_rules_again(self) -> None:
        for incident, rule in self._rules_again.matches():
            self._begin_again(incident, rule)

    def _begin_again(self, incident: Incident, rule: str) -> None:
        now = self._parts.clock.now()

        def write(tx: Tx) -> Incident:
            fresh = tx.incidents.save(incidents.reopened(incident, now=now, reason=RULE_MATCHES))
            tell(tx, fresh, RULE_MATCHES, f'rule "{rule}" matches now', at=now, actor=ENGINE, detail={"rule": rule})
            return fresh

        try:
            fresh = self._parts.store.write(write)
        except ConflictError:
            return  # something was done about it in between; the next tick looks again
        self._engine.start(_key(fresh), severity=fresh.severity)

    def _close(self, incident: Incident, told: str, now: datetime) -> bool:
        """False when a response took it up in between."""
        try:
            self._parts.store.write(
                lambda tx: resolve(self._parts, tx, incident, reason="recovered_by_itself", statement=told, now=now)
            )
        except ConflictError:
            return False
        return True


def _told_without(gone: Collection[str]) -> str:
    named = said(", ".join(sorted(gone)), longest=_LONGEST_LIST)
    return f"for {GONE_AFTER.total_seconds():g} s everything else at fault has been normal, and nobody told of {named}"


def _due_waits(tx: Tx, *, now: datetime) -> list[Wait]:
    """The most urgent first, of a storm that parked thousands."""
    due = {wait.incident_id: wait for wait in tx.waits.due(now)}
    ids, ranks = tuple(due), dict[IncidentId, int]()
    for first in range(0, len(ids), PAGE):
        found = tx.incidents.some(ids[first : first + PAGE])
        ranks |= {one.id: _urgency(one, due[one.id]).rank for one in found}
    return sorted(due.values(), key=lambda wait: -ranks[wait.incident_id])[:WOKEN_TOGETHER]


def _urgency(incident: Incident, wait: Wait | None = None) -> Severity:
    """What a person asked for or answered, and what is owed to an action under way, stands in line behind no storm."""
    is_answered = wait is not None and wait.kind is WaitKind.APPROVAL
    is_owed = incident.request is not None or incident.state in _UNDER_WAY
    return Severity.CRITICAL if is_answered or is_owed else incident.severity


def _counted(page: tuple[Incident, ...], tx: Tx) -> list[Incident]:
    """Those of the page that are still due, each counted as cut off once more."""
    found = [tx.incidents.get(one.id) for one in page]
    return [
        tx.incidents.save(msgspec.structs.replace(one, resumed=one.resumed + 1))
        for one in found
        if one.response is ResponseStage.DUE
    ]


def _key(incident: Incident) -> SegmentKey:
    return SegmentKey(incident_id=incident.id, episode=incident.episode, segment=incident.segment)

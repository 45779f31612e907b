"""What a batch of the streams of AWS is gathered in: alerts, changes, samples of access logs, and what was given up."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from recoverops.model import Alert, Event, EventKind, Sample, digest
from recoverops.plugins.aws.inbox.access_log import Tally
from recoverops.plugins.aws.inbox.changes import changes_of
from recoverops.plugins.aws.inbox.content import Content
from recoverops.plugins.aws.inbox.suspicion import Watch, step
from recoverops.plugins.aws.inbox.trail import TrailRecord
from recoverops.plugins.aws.inbox_settings import SuspicionSettings
from recoverops.plugins.aws.intake.reading import bounded
from recoverops.plugins.aws.owners import Owners
from recoverops.redact import redact

ENOUGH = 50_000
"""Weight of a batch after which nothing more is taken into it: under a second of work."""
_RECORD_WEIGHT = 10
"""A record of CloudTrail costs as much as ten lines of an access log."""
_LOG = logging.getLogger("recoverops.plugins.aws")


@dataclass(slots=True, kw_only=True)
class Gathered:
    source: str
    owners: Owners
    now: datetime
    alerts: list[Alert] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    records: list[TrailRecord] = field(default_factory=list)
    unreadable: int = 0
    weight: int = 0
    _tally: Tally | None = None

    @property
    def is_enough(self) -> bool:
        return self.weight >= ENOUGH

    def take(self, content: Content) -> None:
        """What is in one object."""
        self.records += content.records
        self.events += changes_of(content.records, self.owners, source=self.source)
        self.unreadable += content.unreadable
        self.weight += _RECORD_WEIGHT * len(content.records) + len(content.requests) + content.unreadable
        if content.requests:
            self._tally = self._tally or Tally(self.owners)
            for request in content.requests:
                self._tally.add(request)

    def give_up(self, what: str, why: str) -> None:
        """Reported as an event, in the log, and in the count; it is not read again."""
        told = redact(bounded(f"{what} was given up: {why}"))
        _LOG.warning("given_up", extra={"source": self.source, "what": redact(what), "why": redact(why)})
        self.unreadable += 1
        ident = digest("given up", self.source, what)
        self.events.append(Event(source=self.source, id=ident, at=self.now, kind=EventKind.OTHER, summary=told))

    def watched(self, watch: Watch, settings: SuspicionSettings, *, more: Iterable[TrailRecord] = ()) -> Watch:
        """The next state of what is suspicious; its alerts are gathered."""
        after, alerts = step(watch, (*self.records, *more), settings=settings, now=self.now, source=self.source)
        self.alerts += alerts
        return after

    def samples(self) -> tuple[Sample, ...]:
        return () if self._tally is None else self._tally.samples(source=self.source)

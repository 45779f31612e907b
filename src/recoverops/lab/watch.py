"""What a demo sees, from outside only: the customers' file, and RecoverOps's HTTP door; and what it may ask there.

Shared by the scenarios of one demo, so that the customers' whole record and every incident are known at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from recoverops.lab.children import last_lines
from recoverops.lab.events import DemoEvent, Phase, PhaseBegan, RequestsEnded, Told
from recoverops.lab.incident_view import IncidentReader, IncidentView
from recoverops.lab.recovery import served_for
from recoverops.lab.tether import World
from recoverops.lab.traffic import Request, RequestLog
from recoverops.model import IncidentId, UnreachableError
from recoverops.ports import Clock

Report = Callable[[DemoEvent], None]

LOOK_EVERY_S = 0.1
"""How often to look at the customers' file."""
ASK_EVERY_S = 0.3
"""How often to ask RecoverOps."""


class GaveUpError(Exception):
    """It will not come in time; the message says what."""


class Watch:
    def __init__(self, world: World, *, report: Report, clock: Clock) -> None:
        self.world = world
        self.report = report
        self.clock = clock
        self.views: tuple[IncidentView, ...] = ()
        self.fault_at: datetime | None = None
        """Of the scenario that runs or ran last: the story's times count from it."""
        self._reader = IncidentReader(world.layout.api_url, admin_key=world.layout.admin_key)
        self._log = RequestLog(world.layout.requests)
        self._asked_at = 0.0
        self._told: set[tuple[str, int]] = set()

    def close(self) -> None:
        self._reader.close()

    @property
    def requests(self) -> tuple[Request, ...]:
        """Everything that customers have asked for so far."""
        return self._log.requests

    def is_ready(self) -> bool:
        return self.world.facts() is not None and self._reader.is_ready()

    def look(self, *, until: float, missing: str) -> None:
        """Wait a moment and look at the customers. Raises when it is later than `until` or a process has ended."""
        self.clock.sleep(LOOK_EVERY_S)
        self.report(RequestsEnded(requests=self._log.read_new(), now=self.clock.now()))
        self.world.check()
        if self.clock.monotonic() >= until:
            raise GaveUpError(missing)

    def ask(self) -> None:
        """Read every incident, and tell what is new. A door that does not answer is asked again at the next look."""
        if self.clock.monotonic() < self._asked_at + ASK_EVERY_S:
            return
        self._asked_at = self.clock.monotonic()
        try:
            self.views = self._reader.all()
        except UnreachableError:
            return
        for view in reversed(self.views):
            self._tell(view)

    def ask_for(self, runbook: str, *, service: str, reason: str) -> IncidentId:
        """A person's request. Raises UnreachableError and PermanentError."""
        return self._reader.ask_for(runbook, service=service, reason=reason)

    def has_open_incident(self) -> bool:
        return any(not view.incident.is_over for view in self.views)

    def served_for(self, since: datetime) -> timedelta:
        return served_for(self._log.requests, since=since)

    # telling

    def begin(self, phase: Phase, text: str) -> None:
        self.report(PhaseBegan(phase=phase, at=self.clock.now(), text=text))

    def say(self, who: str, at: datetime, text: str) -> None:
        since_fault_s = None if self.fault_at is None else (at - self.fault_at).total_seconds()
        self.report(Told(who=who, at=at, since_fault_s=since_fault_s, text=text))

    def quote_log(self, told: str) -> None:
        """The end of what RecoverOps itself has written, unless it has been told already."""
        quote = last_lines(self.world.layout.log("recoverops"))
        if quote and quote not in told:
            self.say("RecoverOps's log", self.clock.now(), f"\n{quote}")

    def _tell(self, view: IncidentView) -> None:
        for place, entry in enumerate(view.timeline):
            if (key := (view.incident.id, place)) not in self._told:
                self._told.add(key)
                self.say("RecoverOps", entry.at, entry.text)

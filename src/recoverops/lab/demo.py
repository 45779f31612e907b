"""One demo from end to end: a real service is really broken, RecoverOps heals it, and everything is measured.

Called by `command`. It watches from outside only: the customers' file, the start ledger, and RecoverOps's HTTP door.
It never helps the service and never tells RecoverOps anything. When the time is over it gives up and reports what it
saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from recoverops.clock import SystemClock
from recoverops.lab import figures
from recoverops.lab.children import last_lines
from recoverops.lab.events import (
    DemoEvent,
    Finished,
    Phase,
    PhaseBegan,
    PolicyShown,
    RequestsEnded,
    StationsReached,
    Told,
)
from recoverops.lab.faults import FAULTS, Fault
from recoverops.lab.figures import DemoResult, Kept, Traffic
from recoverops.lab.incident_view import IncidentReader, IncidentView
from recoverops.lab.layout import SERVICE
from recoverops.lab.policy import DEVIATIONS
from recoverops.lab.recovery import QUIET, Recovery, judge_recovery, served_for
from recoverops.lab.shop import starts_in
from recoverops.lab.target import read_target
from recoverops.lab.tether import World, tethered_world
from recoverops.lab.traffic import RequestLog
from recoverops.model import IncidentState, PermanentError, Resource, ResourceKind, UnreachableError
from recoverops.ports import Clock
from recoverops.testing.supervisor import Supervisor

Report = Callable[[DemoEvent], None]

TARGET = Resource(kind=ResourceKind.SERVICE, name=SERVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    give_up_after: timedelta = timedelta(seconds=60)
    """For all of it, from the first process to the last figure."""
    healthy_for: timedelta = timedelta(seconds=5)
    """How long everything has to be well, with nothing done, before the fault: long enough to act on a false alarm."""
    quiet: timedelta = QUIET
    every_s: float = 0.1
    """How often to look at the customers' file."""
    ask_every_s: float = 0.3
    """How often to ask RecoverOps."""


def run_demo(*, keep: bool, report: Report, fault: str = "crash", timing: Timing | None = None) -> DemoResult:
    """Everything that it started is ended before it returns or raises, unless `keep` and it came to an end.

    Raises PermanentError when the lab could not even be started; a service that was not healed is a result.
    """
    clock = SystemClock()
    with tethered_world() as world:
        demo = _Demo(world, FAULTS[fault], report=report, timing=timing or Timing(), clock=clock)
        try:
            result = demo.run(keep=keep)
        finally:
            demo.close()
        report(Finished(result=result))
    return result


class _GaveUpError(Exception):
    """It will not be healed in time; the message says why."""


class _Demo:
    """The walk through one demo, and what has been seen so far."""

    def __init__(self, world: World, fault: Fault, *, report: Report, timing: Timing, clock: Clock) -> None:
        self._world = world
        self._fault = fault
        self._report = report
        self._timing = timing
        self._clock = clock
        self._give_up_at = clock.monotonic() + timing.give_up_after.total_seconds()
        self._reader = IncidentReader(world.layout.api_url, admin_key=world.layout.admin_key)
        self._log = RequestLog(world.layout.requests)
        self._asked_at = 0.0
        self._views: tuple[IncidentView, ...] = ()
        self._told: set[tuple[str, int]] = set()
        self._fault_at: datetime | None = None
        self._recovery: Recovery | None = None

    def close(self) -> None:
        self._reader.close()

    def run(self, *, keep: bool) -> DemoResult:
        self._report(PolicyShown(deviations=DEVIATIONS))
        try:
            self._start()
            self._stay_healthy()
            self._break_it()
            self._follow()
            statement = "healed, verified by RecoverOps and by the customers"
        except (_GaveUpError, PermanentError) as error:
            statement = str(error)
            self._quote_log(statement)
        self._begin(Phase.OVER, statement.partition("\n")[0])
        return self._result(statement, kept=self._keep() if keep else None)

    # the walk

    def _start(self) -> None:
        self._begin(Phase.STARTING, "starting the shop under supervisord (autorestart=false), customers and RecoverOps")
        while self._world.facts() is None or not self._reader.is_ready():
            self._tick("RecoverOps was not ready")

    def _stay_healthy(self) -> None:
        seconds = self._timing.healthy_for.total_seconds()
        self._begin(Phase.HEALTHY, f"all is well for {seconds:g} s, and nothing must happen")
        since = self._clock.now()
        while self._served_for(since) < self._timing.healthy_for or self._has_open_incident():
            self._tick("the shop was not healthy, or RecoverOps saw trouble where there was none")
            self._ask()

    def _break_it(self) -> None:
        facts = self._world.facts()
        assert facts is not None
        supervisor = Supervisor(
            url=facts.supervisor_url, pid=facts.supervisor_pid, directory=self._world.layout.supervisor
        )
        target = read_target(supervisor, SERVICE)
        self._fault_at = self._clock.now()
        self._fault.inject(target)
        self._begin(Phase.FAULT, f"{SERVICE} is broken: {self._fault.summary}")

    def _follow(self) -> None:
        while True:
            self._tick("it was not healed")
            self._ask()
            self._judge()
            view = self._own_incident()
            if view is None:
                continue
            if view.incident.state is IncidentState.ESCALATED:
                raise _GaveUpError(f"RecoverOps called a person: {view.incident.reason}")
            if view.incident.is_over and self._recovery is not None:
                return

    # one look

    def _tick(self, missing: str) -> None:
        """Wait a moment and look at the customers. Raises when the time is over or a process has ended."""
        self._clock.sleep(self._timing.every_s)
        self._report(RequestsEnded(requests=self._log.read_new(), now=self._clock.now()))
        self._world.check()
        if self._clock.monotonic() >= self._give_up_at:
            seconds = self._timing.give_up_after.total_seconds()
            raise _GaveUpError(f"gave up after {seconds:g} s: {missing}")

    def _ask(self) -> None:
        """Read every incident, and tell what is new. A door that does not answer is asked again at the next look."""
        if self._clock.monotonic() < self._asked_at + self._timing.ask_every_s:
            return
        self._asked_at = self._clock.monotonic()
        try:
            self._views = self._reader.all()
        except UnreachableError:
            return
        for view in reversed(self._views):
            self._tell(view)

    def _tell(self, view: IncidentView) -> None:
        for place, entry in enumerate(view.timeline):
            if (key := (view.incident.id, place)) not in self._told:
                self._told.add(key)
                self._say("RecoverOps", entry.at, entry.text)
        if self._fault_at is not None and view is self._own_incident():
            reached = {station: self._since_fault(at) or 0.0 for station, at in figures.stations(view).items()}
            self._report(StationsReached(since_fault_s=reached))

    def _judge(self) -> None:
        assert self._fault_at is not None
        if self._recovery is not None:
            return
        verdict = judge_recovery(self._log.requests, fault_at=self._fault_at, quiet=self._timing.quiet)
        if isinstance(verdict, Recovery):
            self._recovery = verdict
            quiet = self._timing.quiet.total_seconds()
            self._say(
                "customers", verdict.at, f"served again; {verdict.failed} requests had failed, none for {quiet:g} s"
            )

    # what is known

    def _own_incident(self) -> IncidentView | None:
        if self._fault_at is None:
            return None
        return figures.incident_of(self._views, target=TARGET, fault_at=self._fault_at)

    def _has_open_incident(self) -> bool:
        return any(not view.incident.is_over for view in self._views)

    def _served_for(self, since: datetime) -> timedelta:
        return served_for(self._log.requests, since=since)

    def _since_fault(self, at: datetime) -> float | None:
        return None if self._fault_at is None else (at - self._fault_at).total_seconds()

    def _result(self, statement: str, *, kept: Kept | None) -> DemoResult:
        self._log.read_new()
        requests = self._log.requests
        recovered_at = self._recovery.at if self._recovery else None
        return DemoResult(
            scenarios=(
                figures.scenario(
                    self._fault,
                    self._own_incident(),
                    fault_at=self._fault_at,
                    recovery=self._recovery,
                    service_starts=starts_in(self._world.layout.ledger),
                ),
            ),
            false_actions=figures.false_actions(
                self._views, target=TARGET, fault_at=self._fault_at, recovered_at=recovered_at
            ),
            policy=DEVIATIONS,
            traffic=Traffic(sent=len(requests), failed=sum(not one.ok for one in requests)),
            statement=statement,
            kept=kept,
        )

    # telling

    def _begin(self, phase: Phase, text: str) -> None:
        self._report(PhaseBegan(phase=phase, at=self._clock.now(), text=text))

    def _say(self, who: str, at: datetime, text: str) -> None:
        self._report(Told(who=who, at=at, since_fault_s=self._since_fault(at), text=text))

    def _quote_log(self, told: str) -> None:
        """The end of what RecoverOps itself has written, unless it has been told already."""
        quote = last_lines(self._world.layout.log("recoverops"))
        if quote and quote not in told:
            self._say("RecoverOps's log", self._clock.now(), f"\n{quote}")

    def _keep(self) -> Kept | None:
        """None when there is nothing left that could be kept."""
        layout = self._world.layout
        try:
            self._world.keep()
        except PermanentError:
            return None
        return Kept(
            pid=self._world.pid, url=layout.api_url, admin_key=str(layout.admin_key), directory=str(layout.directory)
        )

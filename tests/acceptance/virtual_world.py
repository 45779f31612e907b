"""One service in virtual time: down until its ledger has a line, measured twice a second, and answered for real.

Everything but the clock, the measured service and the action is the real thing: store, stages, response, sweep. The
process can die at any moment that a `Crashes` names, and is then booted again on what survived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar

from tests.databases import prepared

from recoverops.api.telemetry import Metrics
from recoverops.decision import DecisionSettings, Rule, RuleBook
from recoverops.detection import DetectionSettings
from recoverops.incidents import IncidentSettings
from recoverops.model import (
    Admission,
    Alert,
    AlertStatus,
    Approval,
    Decision,
    Incident,
    IncidentState,
    Mode,
    ResponseStage,
    Run,
    RunState,
    Sample,
    SegmentKey,
    Service,
    StoredAlert,
)
from recoverops.notifications import NotificationSettings
from recoverops.operations import answer, tell_incident
from recoverops.operations.view import IncidentStory
from recoverops.pipeline import Conditions, Observer, Parts, Playbook, Sweep, Wall, on_failure, respond
from recoverops.ports import Action, Store, Tx, Usage, WorkflowContext
from recoverops.remediation import Runbook, VerifySettings
from recoverops.sources import IntakeSettings
from recoverops.storage import SqlStore, StopFile, StorageSettings, open_store
from recoverops.testing import LedgerAction, LedgerLine, ledger_lines
from recoverops.topology import Inventory
from recoverops.workflows import SimulatedCrash, VirtualClock, VirtualEngine

T = TypeVar("T")

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TICK = timedelta(milliseconds=500)
LONG_TICK = timedelta(seconds=4)
"""For hours in which nothing but waiting happens."""
CHECKOUT = "checkout"
ACTING = DecisionSettings(mode=Mode.ACT, ask_when_critical=False)
ASKING = DecisionSettings(mode=Mode.ASK)
OBSERVING = DecisionSettings(mode=Mode.OBSERVE)
RULE = Rule(
    name="write-when-down",
    when='kind == "service_down" && confidence >= 0.6',
    runbook="write-ledger",
    mode=Mode.ACT,
    hold=timedelta(seconds=2),
)
RUNBOOK = Runbook(
    name="write-ledger",
    action="write-ledger",
    verify=VerifySettings(hold=timedelta(seconds=2), timeout=timedelta(seconds=20)),
)


class TickingClock(VirtualClock):
    """Virtual time in which the world is measured on the way."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.on_tick: Callable[[], None] = lambda: None

    def advance(self, by: timedelta) -> None:
        rest = by
        while rest > timedelta(0):
            step = min(rest, TICK)
            super().advance(step)
            rest -= step
            self.on_tick()


@dataclass
class Crashes:
    """Dies at the moments with these numbers, counted over all lives; records the name of every moment."""

    at: frozenset[int] = frozenset()
    names: list[str] = field(default_factory=list)
    died: int = 0

    def moment(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) - 1 in self.at:
            self.died += 1
            raise SimulatedCrash(name)

    def of_step(self, point: str, step: str) -> bool:
        """For `VirtualEngine(crash_at=...)`."""
        self.names.append(f"{point} {step}")
        is_now = len(self.names) - 1 in self.at
        self.died += is_now
        return is_now


class CrashingStore:
    """The real store, with a moment before and after each commit that the engine has none for."""

    def __init__(self, store: SqlStore, crashes: Crashes) -> None:
        self._store = store
        self._crashes = crashes
        self._writes = 0

    def read(self, fn: Callable[[Tx], T]) -> T:
        return self._store.read(fn)

    def write(self, fn: Callable[[Tx], T]) -> T:
        self._writes += 1
        number = self._writes
        self._crashes.moment(f"before write {number}")
        answered = self._store.write(fn)
        self._crashes.moment(f"after write {number}")
        return answered

    def patiently(self) -> AbstractContextManager[None]:
        return self._store.patiently()

    def admit(self, alerts: Sequence[Alert], *, size: int) -> Future[Admission]:
        return self._store.admit(alerts, size=size)

    def ping(self, *, timeout: timedelta) -> None:
        self._store.ping(timeout=timeout)


@dataclass(kw_only=True)
class World:
    directory: Path
    decision: DecisionSettings = ACTING
    rule: Rule = RULE
    runbook: Runbook = RUNBOOK
    heals: bool = True
    """Whether a line in the ledger brings the service up."""
    crashes: Crashes = field(default_factory=Crashes)
    crash_in_writes: bool = False
    damping: IncidentSettings = field(default_factory=IncidentSettings)
    action: Action | None = None
    before: Callable[[str], None] = lambda name: None
    """Called before each step of a response, with the step's name."""

    def __post_init__(self) -> None:
        self.clock = TickingClock(START)
        self.is_up = True
        self.newest_alerts: dict[str, StoredAlert] = {}
        self.is_answering = True
        """Whether it answers while it runs."""
        self.is_measured = True
        self._sql = open_store(StorageSettings(), data_dir=prepared(self.directory / "data"), clock=self.clock)
        self.store: Store = CrashingStore(self._sql, self.crashes) if self.crash_in_writes else self._sql
        self.stop = StopFile(self.directory / "data" / "EMERGENCY_STOP", clock=self.clock)
        self.engine: VirtualEngine | None = None
        self.boots = 0
        self.boot()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sql.close()

    @property
    def ledger(self) -> tuple[LedgerLine, ...]:
        return ledger_lines(self.directory / "ledger")

    # --- one process after the other -----------------------------------------------------------------------------

    def boot(self) -> None:
        """A new process: nothing of the old one's memory is left."""
        self.boots += 1
        self.parts = self._parts()
        self.engine = self._engine(self.parts)
        self.observer = Observer(self.parts, self.engine.start)
        self.sweep = Sweep(self.parts, self.engine)
        self.observer.remember_alerts(self.newest_alerts.values())
        self.clock.on_tick = self.measure
        self.sweep.resume()

    def _parts(self) -> Parts:
        ledger = str(self.directory / "ledger")
        service = Service(name=CHECKOUT, group=CHECKOUT, address={"ledger": ledger}, match={"service": CHECKOUT})
        actions: Mapping[str, Action] = {"write-ledger": self.action or self._ledger_action()}
        return Parts(
            store=self.store,
            clock=self.clock,
            wall=Wall(self.clock),
            stop=self.stop,
            conditions=Conditions(),
            inventory=Inventory([service]),
            actions=actions,
            playbook=Playbook(RuleBook([self.rule]), {self.runbook.name: self.runbook}),
            telemetry=Metrics(),
            decision=self.decision,
            detection=DetectionSettings(),
            incidents=self.damping,
            intake=IntakeSettings(),
            notifications=NotificationSettings(),
            nudge=lambda at: None,
        )

    def _ledger_action(self) -> LedgerAction:
        return LedgerAction(
            before_effect=lambda: self.crashes.moment("before the line is written"),
            after_effect=lambda: self.crashes.moment("after the line is written"),
        )

    def _engine(self, parts: Parts) -> VirtualEngine:
        def run(ctx: WorkflowContext, key: SegmentKey) -> None:
            respond(parts, ctx, key)

        def crash_at(point: str, step: str) -> bool:
            if point == "before":
                self.before(step)
            return self.crashes.of_step(point, step)

        return VirtualEngine(
            respond=run,
            store=self._sql,  # the moments before and after its transactions are the engine's own
            clock=self.clock,
            on_failure=lambda key, message: on_failure(parts, key, message),
            crash_at=crash_at,
        )

    # --- the world -----------------------------------------------------------------------------------------------

    def measure(self) -> None:
        """What a supervisor and a probe would say now."""
        if not self.is_measured:
            return
        runs = self.is_up or (self.heals and bool(self.ledger))
        target, now = Service(name=CHECKOUT, group=CHECKOUT).resource, self.clock.now()
        self.observer.take_samples(
            [
                Sample(resource=target, metric=metric, value=float(value), at=now, source="world")
                for metric, value in (("service.running", runs), ("http.probe.success", runs and self.is_answering))
            ]
        )

    def alert(
        self, status: AlertStatus, *, name: str = "ServiceDown", severity: str = "", service: str = CHECKOUT
    ) -> None:
        """What somebody else's monitoring tells of it: that it is down, or that this has just ended."""
        now = self.clock.now()
        fires = status is AlertStatus.FIRING
        told = Alert(
            source="world",
            fingerprint="f1",
            status=status,
            starts_at=now if fires else START,
            ends_at=None if fires else now,
            labels={"alertname": name, "service": service, **({"severity": severity} if severity else {})},
        )
        self.newest_alerts[name] = StoredAlert(seq=1 if fires else 2, received_at=now, alert=told)
        self.observer.take_alerts([self.newest_alerts[name]])

    def break_service(self) -> None:
        self.is_up = False

    def live(self, seconds: float, *, until: Callable[[], bool] = lambda: False, tick: timedelta = TICK) -> None:
        """Let time pass, dying and being booted as often as the crashes say; ends early when `until` holds."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < end:
            try:
                self.sweep.tick()
                assert self.engine is not None
                self.engine.run_until_idle()
                self.clock.advance(tick)
            except SimulatedCrash:
                self.boot()
            if until():
                return

    # --- what came of it -----------------------------------------------------------------------------------------

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return self._sql.read(lambda tx: tx.incidents.listed())

    @property
    def incident(self) -> Incident:
        (only,) = self.incidents
        return only

    @property
    def story(self) -> IncidentStory:
        return tell_incident(self._sql, self.incident.id)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        return self.story.decisions

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(one.run for one in self.story.runs)

    @property
    def usage(self) -> Usage:
        return self._sql.read(lambda tx: tx.limits.usage(self.incident.resource, now=self.clock.now()))

    def events(self, name: str) -> int:
        return sum(entry.event == name for entry in self.story.timeline)

    def pending(self) -> tuple[Approval, ...]:
        return self._sql.read(lambda tx: tx.approvals.pending())

    def answer(self, *, approve: bool) -> None:
        (asked,) = self.pending()
        answer(self._sql, self.clock, asked.id, approve=approve, by="person:ada", note="seen")

    def audit_is_whole(self) -> bool:
        return self._sql.read(lambda tx: tx.audit.verify()).broken_at is None

    def is_(self, state: IncidentState) -> Callable[[], bool]:
        return lambda: bool(self.incidents) and self.incident.state is state

    def is_asking(self) -> bool:
        return bool(self.pending())

    def is_finished(self) -> bool:
        return bool(self.incidents) and self.incident.response is ResponseStage.FINISHED

    def healed_once(self) -> list[str]:
        """Everything that is wrong with a response that should have healed the service with one effect."""
        told: list[str] = []
        keys = [line.key for line in self.ledger]
        if len(keys) != 1:
            told.append(f"{len(keys)} effects: {keys}")
        if len(self.incidents) != 1:
            return [*told, f"{len(self.incidents)} incidents"]
        if self.incident.state is not IncidentState.RESOLVED:
            told.append(f"the incident is {self.incident.state} ({self.incident.reason})")
        succeeded = [run for run in self.runs if run.state is RunState.SUCCEEDED]
        others = [run.state for run in self.runs if run.state not in {RunState.SUCCEEDED, RunState.ABANDONED}]
        if len(succeeded) != 1 or others:
            told.append(f"runs: {[run.state.value for run in self.runs]}")
        usage = self.usage
        if usage.in_last_hour != 1 or usage.targets_in_flight:
            told.append(f"{usage.in_last_hour} actions counted, locked: {usage.targets_in_flight}")
        posted = [one.notification.event for one in self.story.deliveries]
        if posted.count("incident.resolved") != 1:
            told.append(f"posted: {posted}")
        if self.events("acted") != 1 or self.events("resolved") != 1:
            told.append(f"told: {[entry.event for entry in self.story.timeline]}")
        if self.pending():
            told.append("a question is still open")
        if not self.audit_is_whole():
            told.append("the audit chain is broken")
        return told

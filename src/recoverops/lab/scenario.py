"""One fault from its injection until it is healed, or given up: a service is really broken, and nobody helps it.

A remedy that is for a while only is asked back when it has healed, as a person would; that is part of the scenario.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from recoverops.lab import figures
from recoverops.lab.events import Phase, StationsReached
from recoverops.lab.faults import Fault, TakenBack
from recoverops.lab.figures import Scenario, Window
from recoverops.lab.incident_view import IncidentView
from recoverops.lab.recovery import NotYet, Recovery, judge_recovery
from recoverops.lab.scene import Scene
from recoverops.lab.shop.ledger import starts_in
from recoverops.lab.watch import GaveUpError, Watch
from recoverops.model import IncidentId, IncidentState, PermanentError, Resource, ResourceKind, UnreachableError


class Walk:
    """The walk through one scenario. `run` once, then `restore`; `window` is what was allowed meanwhile."""

    def __init__(self, fault: Fault, scene: Scene, watch: Watch, *, give_up_after: timedelta, quiet: timedelta) -> None:
        self._fault = fault
        self._scene = scene
        self._watch = watch
        self._quiet = quiet
        self._give_up_after_s = give_up_after.total_seconds()
        self._resource = Resource(kind=ResourceKind.SERVICE, name=fault.service)
        self._target = scene.target(fault.service)
        self._starts_before = self._starts()
        self._fault_at = watch.clock.now()
        self._recovery: Recovery | None = None
        self._back: IncidentId | None = None
        """Of the request to take the remedy back."""

    def run(self) -> tuple[Scenario, Window]:
        self._watch.fault_at = self._fault_at
        self._watch.begin(Phase.FAULT, f"{self._fault.service} is broken: {self._fault.summary}")
        try:
            self._fault.inject(self._scene, self._target)
            self._follow()
            if isinstance(self._fault, TakenBack):
                self._take_back(self._fault)
            statement = "healed, verified by RecoverOps and by the customers"
        except (GaveUpError, PermanentError, UnreachableError) as error:
            self._watch.world.check()
            statement = str(error)
            self._watch.quote_log(statement)
        return self._scenario(statement), self._window(self._watch.clock.now())

    def restore(self) -> None:
        """Put back what is left of the fault."""
        self._fault.restore(self._scene, self._target)

    def _follow(self) -> None:
        until = self._watch.clock.monotonic() + self._give_up_after_s
        while True:
            self._watch.look(until=until, missing=f"gave up after {self._give_up_after_s:g} s: it was not healed")
            self._watch.ask()
            view = self._incident()
            self._judge(view)
            if view is None:
                continue
            reached = figures.stations(view).items()
            self._watch.report(
                StationsReached(since_fault_s={one: (at - self._fault_at).total_seconds() for one, at in reached})
            )
            if view.incident.state is IncidentState.ESCALATED:
                raise GaveUpError(f"RecoverOps called a person: {view.incident.reason}")
            if view.incident.is_over and self._recovery is not None:
                return

    def _take_back(self, fault: TakenBack) -> None:
        """Repair what is out of the customers' way now, ask for the remedy back, and see them served as before."""
        fault.repair(self._scene, self._target)
        reason = f"{fault.service} is repaired"
        self._back = self._watch.ask_for(fault.back, service=fault.service, reason=reason)
        self._watch.say("people", self._watch.clock.now(), f"{reason}; they asked RecoverOps for {fault.back}")
        until = self._watch.clock.monotonic() + self._give_up_after_s
        while True:
            self._watch.look(
                until=until, missing=f"gave up after {self._give_up_after_s:g} s: {fault.back} did not end"
            )
            self._watch.ask()
            back = self._answer()
            self._judge(back)
            if back is not None and back.incident.state is IncidentState.ESCALATED:
                raise GaveUpError(f"RecoverOps called a person: {back.incident.reason}")
            if back is not None and back.incident.is_over and self._recovery is not None:
                return

    def _answer(self) -> IncidentView | None:
        """To the request to take the remedy back."""
        return next((view for view in self._watch.views if view.incident.id == self._back), None)

    def _judge(self, view: IncidentView | None) -> None:
        """Anew at each look: customers that were served again may be let down again."""
        verdict = judge_recovery(self._watch.requests, fault_at=self._fault_at, quiet=self._quiet)
        before, self._recovery = self._recovery, None
        if isinstance(verdict, Recovery):
            self._recovery = verdict
        elif verdict.reason is NotYet.NEVER_FAILED and view is not None and self._is_served_since(view):
            self._recovery = Recovery(recovered_s=0.0, at=self._fault_at, failed=0)
        if self._recovery is not None and self._recovery != before:
            told = f"{self._recovery.failed} requests had failed, none for {self._quiet.total_seconds():g} s"
            self._watch.say("customers", self._recovery.at, f"served; {told}")

    def _is_served_since(self, view: IncidentView) -> bool:
        """Whether the incident is over, and customers have been served for the quiet time after it."""
        over = view.incident.resolved_at
        return over is not None and self._watch.served_for(over) >= self._quiet

    def _incident(self) -> IncidentView | None:
        return figures.incident_of(self._watch.views, target=self._resource, fault_at=self._fault_at)

    def _starts(self) -> int:
        return starts_in(self._scene.layout.ledger(self._fault.service))

    def _scenario(self, statement: str) -> Scenario:
        return figures.scenario(
            self._fault,
            self._incident(),
            fault_at=self._fault_at,
            recovery=self._recovery,
            service_starts=self._starts() - self._starts_before,
            statement=statement,
            back=self._answer(),
        )

    def _window(self, now: datetime) -> Window:
        return Window(target=self._resource, allowed=self._fault.allowed, begin=self._fault_at, end=now)

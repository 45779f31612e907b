"""The actions `start-service` and `stop-service`.

Starting what is dead hurts nothing. Stopping is the graceful emergency stop of a service: its customers feel it, so it
is declared irreversible and a person approves, always.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, planned, probed, succeeded
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.process import Process, process_name
from recoverops.plugins.linux.restart import judge, touched_with
from recoverops.plugins.linux.supervised import LOOKS, STARTS, STOPS, Supervised
from recoverops.ports import Clock, Parameter


class StartService:
    """Implements `ports.Action`."""

    name = "start-service"
    summary = "Starts the service's process under supervisor, when it does not run."
    effect = EffectClass.RESTORATIVE
    parameters: tuple[Parameter, ...] = ()
    permissions = (LOOKS, STARTS)

    def __init__(
        self, supervised: Supervised, services: Mapping[str, Service], *, clock: Clock, timeout: timedelta
    ) -> None:
        self._supervised = supervised
        self._services = services
        self._clock = clock
        self.timeout = timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        process = self._supervised.look_at(service)
        if process.is_alive:
            raise PermanentError(f"nothing to start: {service.name} is {process.statement} already")
        return planned(
            self,
            service,
            arguments,
            summary=f"start {service.name} (now {process.statement})",
            before={"program": process.name, **process.snapshot},
            aim=("program",),
            touches=touched_with(service, self._services),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: judge(plan.before, self._supervised.look_at(service)))

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(lambda attempt: self._start(service, attempt))

    def _start(self, service: Service, attempt: Attempt) -> Execution:
        name = process_name(service)
        process = self._supervised.look(name)
        if process.is_alive:
            return succeeded(f"not repeated: {name} is {process.statement}", process.snapshot)
        attempt.kept = evidence(service)
        now = self._supervised.start(name, attempt)
        return succeeded(f"{name} is {now.statement}, it was {process.statement}", attempt.kept | now.snapshot)


class StopService:
    """Implements `ports.Action`."""

    name = "stop-service"
    summary = "Stops the service's process under supervisor, gracefully; nobody is served until it is started."
    effect = EffectClass.IRREVERSIBLE
    parameters: tuple[Parameter, ...] = ()
    permissions = (LOOKS, STOPS)

    def __init__(
        self, supervised: Supervised, services: Mapping[str, Service], *, clock: Clock, timeout: timedelta
    ) -> None:
        self._supervised = supervised
        self._services = services
        self._clock = clock
        self.timeout = timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        process = self._supervised.look_at(service)
        if process.pid == 0:
            raise PermanentError(f"nothing to stop: {service.name} is {process.statement}")
        return planned(
            self,
            service,
            arguments,
            summary=f"stop {service.name} and leave it stopped (now {process.statement})",
            before={"program": process.name, **process.snapshot},
            aim=("program",),
            touches=touched_with(service, self._services),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: _stopped(plan.before, self._supervised.look_at(service)))

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(lambda attempt: self._stop(plan, service, attempt))

    def _stop(self, plan: Plan, service: Service, attempt: Attempt) -> Execution:
        name = process_name(service)
        process = self._supervised.look(name)
        found = _stopped(plan.before, process)
        if found.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {found.statement}", process.snapshot)
        if found.answer is ProbeAnswer.UNKNOWN:
            raise PermanentError(f"{found.statement}; plan anew")
        attempt.kept = evidence(service, self._supervised.tree_of(process))
        attempt.so_far = f"{name} was told to stop, but "
        now = self._supervised.stop(name, attempt)
        if now.pid != 0:
            raise PermanentError(f"it is {now.statement}")
        return succeeded(f"{name} is {now.statement}", attempt.kept | now.snapshot)


def _stopped(before: Mapping[str, str], now: Process) -> ProbeResult:
    """Whether the process of the plan has been stopped. Pure."""
    if now.pid == 0:
        return probed(ProbeAnswer.DONE, f"{now.name} is {now.statement}")
    if before.get("pid") == str(now.pid):
        return probed(ProbeAnswer.NOT_DONE, f"{now.name} is {now.statement}")
    return probed(ProbeAnswer.UNKNOWN, f"{now.name} is another process than planned now: {now.statement}")

"""`restart-service`, `start-service` and `stop-service` for services whose address is a systemd unit.

The same names, classes and promises as under supervisor; `by_address` picks by the service. A plan keeps the unit's
invocation id, and whether something has happened is judged by that. Only units of the inventory are ever named.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Resource, Service
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, planned, succeeded
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.systemctl import Systemctl
from recoverops.plugins.linux.units import ADDRESS, Unit, judge, judge_stop, unit_name
from recoverops.ports import Clock, Parameter, Permission


class _OnUnit(ABC):
    """What the three share."""

    name: str
    summary: str
    effect = EffectClass.RESTORATIVE
    parameters: tuple[Parameter, ...] = ()
    _judge: Callable[[Mapping[str, str], Unit], ProbeResult] = staticmethod(judge)

    def __init__(
        self,
        systemctl: Systemctl,
        services: Mapping[str, Service],
        *,
        clock: Clock,
        timeout: timedelta,
        permissions: Sequence[Permission],
    ) -> None:
        self._systemctl = systemctl
        self._services = services
        self._clock = clock
        self.timeout = timeout
        self.permissions = tuple(permissions)

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        unit = self._systemctl.look_at(service)
        self._check(service, unit)
        return planned(
            self,
            service,
            arguments,
            summary=f"{self.name.partition('-')[0]} {service.name} (systemd {unit.name}, now {unit.statement})",
            before=unit.snapshot,
            aim=("unit",),
            touches=touched_with(service, self._services),
        )

    def _check(self, service: Service, unit: Unit) -> None:  # noqa: B027 - a restart has nothing to refuse
        """Raises `PermanentError` when there is nothing to do."""

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._probe(plan, service))

    def _probe(self, plan: Plan, service: Service) -> ProbeResult:
        return self._judge(plan.before, self._systemctl.look_at(service))

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        """systemd has no room for the key; the invocation id does its work."""
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(lambda attempt: self._execute(plan, service, attempt))

    def _execute(self, plan: Plan, service: Service, attempt: Attempt) -> Execution:
        unit = self._systemctl.look_at(service)
        found = self._judge(plan.before, unit)
        if found.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {found.statement}", unit.snapshot)
        self._check_before(plan, unit)
        attempt.kept = evidence(service, self._systemctl.tree_of(unit))
        now = self._change(unit.name, attempt)
        done = self._judge(plan.before, now)
        if done.answer is not ProbeAnswer.DONE:
            raise PermanentError(f"it is {now.statement}")
        return succeeded(f"{done.statement} (it was {plan.before['state']})", attempt.kept | now.snapshot)

    def _check_before(self, plan: Plan, unit: Unit) -> None:  # noqa: B027 - it matters to a stop only
        """Raises `PermanentError` when the unit has become another one than planned, and that matters."""

    @abstractmethod
    def _change(self, name: str, attempt: Attempt) -> Unit:
        """What systemd is asked for; the unit afterwards."""


class RestartUnit(_OnUnit):
    """Implements `ports.Action`. One that was started since and is dead again is started: nothing that runs is hurt."""

    name = "restart-service"
    summary = "Restarts the service's systemd unit: stops it if it still runs, then starts it."

    def _change(self, name: str, attempt: Attempt) -> Unit:
        return self._systemctl.restart(name, attempt)


class StartUnit(_OnUnit):
    """Implements `ports.Action`."""

    name = "start-service"
    summary = "Starts the service's systemd unit, when it does not run."

    def _check(self, service: Service, unit: Unit) -> None:
        if unit.is_alive:
            raise PermanentError(f"nothing to start: {service.name} is {unit.statement} already")

    def _change(self, name: str, attempt: Attempt) -> Unit:
        return self._systemctl.start(name, attempt)


class StopUnit(_OnUnit):
    """Implements `ports.Action`. Its customers feel it, so it is declared irreversible and a person approves."""

    name = "stop-service"
    summary = "Stops the service's systemd unit, gracefully; nobody is served until it is started."
    effect = EffectClass.IRREVERSIBLE
    _judge = staticmethod(judge_stop)

    def _check(self, service: Service, unit: Unit) -> None:
        if judge_stop({}, unit).answer is ProbeAnswer.DONE:
            raise PermanentError(f"nothing to stop: {service.name} is {unit.statement}")

    def _check_before(self, plan: Plan, unit: Unit) -> None:
        """One that is being stopped already is stopped with it."""
        if not unit.has_same_start(plan.before):
            raise PermanentError(f"{unit.name} was started anew since: {unit.statement}; plan anew")

    def _change(self, name: str, attempt: Attempt) -> Unit:
        return self._systemctl.stop(name, attempt)


def touched_with(service: Service, services: Mapping[str, Service]) -> tuple[Resource, ...]:
    """The service and all others of the inventory that are the same unit. Pure."""
    name = unit_name(service)
    others = sorted(one.name for one in services.values() if one.address.get(ADDRESS) == name)
    return (service.resource, *(services[other].resource for other in others if other != service.name))

"""The action `restart-service`: stop what still runs, start what is dead, once.

supervisord remembers when it started a process, so a repeated call is recognised by comparing with `Plan.before`: a
process that lives and was started since the plan was made has had its restart, whoever did it. One that was started
since and is dead again is started by `execute`, because nothing that runs is hurt by that; `probe` calls it unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from recoverops.model import (
    EffectClass,
    Execution,
    ExecutionStatus,
    MisconfiguredError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Resource,
    Service,
    UnreachableError,
)
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.faults import Fault, fault_sentence
from recoverops.plugins.linux.process import ADDRESS, Process, State, clock_time, process_name, process_of
from recoverops.plugins.linux.procfs import scan
from recoverops.plugins.linux.rpc import CallNotMadeError, FaultError, SupervisorClient
from recoverops.ports import Clock, Parameter, Permission
from recoverops.redact import redact

_LOOK_AGAIN_S = 0.05
"""How often a process that is already on its way down is looked at."""


class RestartService:
    """Implements `ports.Action`."""

    name = "restart-service"
    summary = "Restarts the service's process under supervisor: stops it if it still runs, then starts it."
    effect = EffectClass.RESTORATIVE
    parameters: tuple[Parameter, ...] = ()
    permissions = (
        Permission(system="supervisor", right="getProcessInfo", why="to see whether it runs and when it was started"),
        Permission(system="supervisor", right="stopProcess", why="to end a process that runs but does not work"),
        Permission(system="supervisor", right="startProcess", why="to start it again"),
    )

    def __init__(
        self,
        client: SupervisorClient,
        services: Mapping[str, Service],
        *,
        clock: Clock,
        timeout: timedelta,
        probe_timeout: timedelta,
    ) -> None:
        self._client = client
        self._services = services
        self._clock = clock
        self._timeout = timeout
        self._probe_timeout_s = probe_timeout.total_seconds()

    @property
    def timeout(self) -> timedelta:
        return self._timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        if arguments:
            raise MisconfiguredError(f'action "{self.name}" takes no arguments, got {", ".join(sorted(arguments))!r}')
        name = process_name(service)
        try:
            process = self._read(name, self._probe_timeout_s)
        except FaultError as error:
            raise PermanentError(f"cannot restart {service.name}: {fault_sentence(error, name)}") from error
        return Plan(
            action=self.name,
            effect=self.effect,
            target=service.resource,
            arguments={},
            touches=touched_with(service, self._services),
            summary=f"restart {service.name} (supervisor {service.address[ADDRESS]}, now {process.statement})",
            before={"program": name, **process.snapshot},
            aim=("program",),  # not its pid: what crashes again and again has another one at each look
            timeout_s=self._timeout.total_seconds(),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        try:
            name = process_name(service)
        except MisconfiguredError as error:
            return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=str(error))
        try:
            return judge(plan.before, self._read(name, self._probe_timeout_s))
        except FaultError as error:
            return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=fault_sentence(error, name))
        except UnreachableError as error:
            return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=redact(str(error)))

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        """supervisord has no room for the key; `Plan.before` does its work."""
        try:
            name = process_name(service)
        except MisconfiguredError as error:
            return _failed(f"nothing was done: {error}")
        kept = self._evidence(service, plan)
        restart = _Restart(self._look_at(name), self._client, self._clock, name, plan)
        try:
            done = restart.run()
            return msgspec.structs.replace(done, after={**kept, **done.after})
        except FaultError as error:
            return _failed(restart.so_far + fault_sentence(error, name), kept)
        except UnreachableError as error:
            if not restart.has_begun:
                return _failed(f"nothing was done: {error}", kept)
            return _unknown(f"it is not known whether it was restarted: {error}", kept)

    def _evidence(self, service: Service, plan: Plan) -> dict[str, str]:
        """What the restart is about to destroy. A supervisord on another host has its processes there, not here."""
        pid = int(plan.before.get("pid", "0"))
        is_here = self._client.url.startswith("unix://")
        return evidence(service, scan().tree(pid) if pid and is_here else ())

    def _look_at(self, name: str) -> Callable[[float], Process]:
        """Reads the process within the time that is left, and never waits longer than a probe does."""
        return lambda left_s: self._read(name, min(left_s, self._probe_timeout_s))

    def _read(self, name: str, timeout_s: float) -> Process:
        return process_of(self._client.call("getProcessInfo", name, timeout_s=timeout_s))


def touched_with(service: Service, services: Mapping[str, Service]) -> tuple[Resource, ...]:
    """The service and all others of the inventory that live in the same process. Pure."""
    name = process_name(service)
    others = {other.name for other in services.values() if _lives_in(other, name)} - {service.name}
    return (service.resource, *(services[other].resource for other in sorted(others)))


def _lives_in(service: Service, name: str) -> bool:
    try:
        return process_name(service) == name
    except MisconfiguredError:
        return False


def judge(before: Mapping[str, str], now: Process) -> ProbeResult:
    """Whether the process has been started since `before` was taken. Pure."""
    if not {"pid", "start"} <= before.keys():
        return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=f"the plan does not say how {now.name} was before")
    if now.has_same_start(before):
        return ProbeResult(
            answer=ProbeAnswer.NOT_DONE, statement=f"{now.name} has not been started since; it is {now.statement}"
        )
    if now.is_alive:
        return ProbeResult(
            answer=ProbeAnswer.DONE,
            statement=f"{now.name} was started at {clock_time(now.start)} (pid {now.pid}, before: {before.get('pid')})",
        )
    return ProbeResult(
        answer=ProbeAnswer.UNKNOWN,
        statement=f"{now.name} was started at {clock_time(now.start)} but is {now.statement} now; "
        "nobody can tell who started it",
    )


class _Restart:
    """One restart on its way, so that an error knows how far it had come."""

    def __init__(
        self, read: Callable[[float], Process], client: SupervisorClient, clock: Clock, name: str, plan: Plan
    ) -> None:
        self._read = read
        self._client = client
        self._clock = clock
        self._name = name
        self._plan = plan
        self._deadline = clock.monotonic() + plan.timeout_s
        self.has_begun = False
        self.so_far = ""
        """How a sentence about its failure has to begin."""

    def run(self) -> Execution:
        if not self._plan.before:
            return _failed(f"nothing was done: the plan does not say how {self._name} was before; plan anew")
        process = self._look()
        verdict = judge(self._plan.before, process)
        if verdict.answer is ProbeAnswer.DONE:
            return _succeeded(f"not repeated: {verdict.statement}", process)
        if process.state in {State.RUNNING, State.STARTING, State.BACKOFF}:
            self._stop()
        self._wait_until_stopped()
        return self._start()

    def _stop(self) -> None:
        try:
            self._change("stopProcess")
        except FaultError as error:
            if error.code not in {Fault.NOT_RUNNING, Fault.FAILED} or self._look().is_alive:
                raise
        self.so_far = "it was stopped but not started again: "

    def _wait_until_stopped(self) -> None:
        while self._look().state is State.STOPPING:
            self._clock.sleep(min(_LOOK_AGAIN_S, self._left()))

    def _start(self) -> Execution:
        try:
            self._change("startProcess")
        except FaultError as error:
            if error.code != Fault.ALREADY_STARTED:
                raise
        process = self._look()
        verdict = judge(self._plan.before, process)
        if verdict.answer is ProbeAnswer.DONE:
            return _succeeded(verdict.statement, process)
        return _failed(f"it was started, and is {process.statement}")

    def _change(self, method: str) -> None:
        left = self._left()
        try:
            self._client.call(method, self._name, True, timeout_s=left)
        except CallNotMadeError:
            raise
        except UnreachableError:
            self.has_begun = True
            raise
        self.has_begun = True

    def _look(self) -> Process:
        return self._read(self._left())

    def _left(self) -> float:
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise UnreachableError(f"the restart of {self._name} took longer than {self._plan.timeout_s:.3g} s")
        return left


def _succeeded(statement: str, process: Process) -> Execution:
    return Execution(status=ExecutionStatus.SUCCEEDED, statement=redact(statement), after=process.snapshot)


def _failed(statement: str, kept: Mapping[str, str] | None = None) -> Execution:
    return Execution(status=ExecutionStatus.FAILED, statement=redact(statement), after=kept or {})


def _unknown(statement: str, kept: Mapping[str, str]) -> Execution:
    return Execution(status=ExecutionStatus.UNKNOWN, statement=redact(statement), after=kept)

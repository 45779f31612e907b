"""The action `scale-workers`: one worker more or one less, of those that supervisord knows already.

A service's workers are the processes of the group under its address `workers`: `worker`, `worker:*` or `worker:mail_*`
for `worker:mail_00` and the following. Undo stops or starts the same worker again, only while the same workers run that
we left running.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from recoverops.model import (
    EffectClass,
    Execution,
    MisconfiguredError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Service,
)
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, failed, planned, probed, succeeded
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.process import Process
from recoverops.plugins.linux.supervised import LOOKS, STARTS, STOPS, Supervised
from recoverops.ports import Clock, Parameter, Permission

ADDRESS = "workers"
_PATTERN = re.compile(r"(?P<group>[\w.@+][\w.@+-]*)(?::(?P<name>[\w.@+][\w.@+-]*\*?|\*))?", re.ASCII)


class ScaleWorkers:
    """Implements `ports.ReversibleAction`."""

    name = "scale-workers"
    summary = "Starts one more worker of the service under supervisor, or stops one."
    effect = EffectClass.REVERSIBLE
    parameters = (
        Parameter(name="count_delta", pattern=r"\+1|-1", meaning="+1 starts one more worker, -1 stops the last one"),
    )
    permissions = (
        LOOKS,
        STARTS,
        STOPS,
        Permission(system="supervisor", right="getAllProcessInfo", why="to see which workers there are"),
    )

    def __init__(self, supervised: Supervised, *, clock: Clock, timeout: timedelta, fewest: int, most: int) -> None:
        self._supervised = supervised
        self._clock = clock
        self._fewest = fewest
        self._most = most
        self.timeout = timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        workers = self._workers(service)
        is_more = arguments["count_delta"] == "+1"
        chosen = self._chosen(service, workers, is_more=is_more)
        running = running_of(workers)
        return planned(
            self,
            service,
            arguments,
            summary=f"{'start' if is_more else 'stop'} the worker {chosen.name} of {service.name} "
            f"({len(running)} of {len(workers)} run now)",
            before={"worker": chosen.name, "running": _listed(running), "goal": _listed(_goal(running, chosen.name))},
            aim=("worker",),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._stands(plan, service, wanted="goal", other="running"))

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ask(lambda: self._stands(plan, service, wanted="running", other="goal"))

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(
            lambda attempt: self._change(plan, service, attempt, wanted="goal", other="running")
        )

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(
            lambda attempt: self._change(plan, service, attempt, wanted="running", other="goal")
        )

    def _stands(self, plan: Plan, service: Service, *, wanted: str, other: str) -> ProbeResult:
        now = _listed(running_of(self._workers(service)))
        if now == plan.before[wanted]:
            return probed(ProbeAnswer.DONE, f"running: {now or 'none'}")
        answer = ProbeAnswer.NOT_DONE if now == plan.before[other] else ProbeAnswer.UNKNOWN
        return probed(answer, f"running: {now or 'none'}; wanted: {plan.before[wanted] or 'none'}")

    def _change(self, plan: Plan, service: Service, attempt: Attempt, *, wanted: str, other: str) -> Execution:
        now, worker = _listed(running_of(self._workers(service))), plan.before["worker"]
        attempt.kept = {"running": now}
        if now == plan.before[wanted]:
            return succeeded(f"not repeated: running: {now or 'none'}", attempt.kept)
        if now != plan.before[other]:
            return failed(
                f"nothing was touched: other workers run than we left: {now or 'none'}, "
                f"expected {plan.before[other] or 'none'}",
                attempt.kept,
            )
        attempt.kept |= evidence(service, self._supervised.tree_of(self._supervised.look(worker)))
        attempt.so_far = f"{worker} was told to change, but "
        if worker in plan.before[wanted].split():
            process = self._supervised.start(worker, attempt)
        else:
            process = self._supervised.stop(worker, attempt)
        now = _listed(running_of(self._workers(service)))
        attempt.kept["running"] = now
        return succeeded(f"{worker} is {process.statement}; running: {now or 'none'}", attempt.kept)

    def _workers(self, service: Service) -> tuple[Process, ...]:
        group, pattern = pattern_of(service)
        found = [
            process
            for name, process in sorted(self._supervised.all().items())
            if name.partition(":")[0] == group and fnmatch.fnmatchcase(name.partition(":")[2], pattern)
        ]
        if not found:
            raise PermanentError(f"supervisor has no process {group}:{pattern}; check the address of {service.name}")
        return tuple(found)

    def _chosen(self, service: Service, workers: Sequence[Process], *, is_more: bool) -> Process:
        running = running_of(workers)
        if is_more:
            idle = [process for process in workers if process.name not in running]
            if not idle or len(running) >= self._most:
                raise PermanentError(
                    f"{service.name} runs {len(running)} workers of {len(workers)}, at most {self._most} may run; "
                    f"raise "
                    "`numprocs` in supervisor's configuration or `workers.most`"
                )
            return idle[0]
        if len(running) <= self._fewest:
            raise PermanentError(f"{service.name} runs {len(running)} workers and keeps at least {self._fewest}")
        return next(process for process in reversed(workers) if process.name in running)


def pattern_of(service: Service) -> tuple[str, str]:
    """Group and pattern of names. Raises `MisconfiguredError`."""
    address = service.address.get(ADDRESS)
    if address is None:
        raise MisconfiguredError(
            f'service "{service.name}" has no address "{ADDRESS}"; give it the group of its workers, e.g. `worker:*`'
        )
    match = _PATTERN.fullmatch(address)
    if match is None:
        raise MisconfiguredError(
            f'service "{service.name}": workers address {address!r} is not like "worker", "worker:*" or "worker:mail_*"'
        )
    return match["group"], match["name"] or "*"


def running_of(workers: Sequence[Process]) -> tuple[str, ...]:
    return tuple(process.name for process in workers if process.is_alive)


def _goal(running: Sequence[str], worker: str) -> tuple[str, ...]:
    return tuple(sorted(set(running) ^ {worker}))


def _listed(names: Sequence[str]) -> str:
    return " ".join(sorted(names))

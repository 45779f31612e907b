"""The action `end-process`: end a service's own processes even when they are stopped or hang, and have it run again.

A supervisor's own stop waits for its program's patience and signals only what it started. This one takes the whole tree
by pid and start time: SIGTERM and SIGCONT, a grace, SIGKILL. Then supervisord starts it, or has done so by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, planned, succeeded
from recoverops.plugins.linux.endings import end
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.process import Process, process_name
from recoverops.plugins.linux.procfs import STATES, Stat
from recoverops.plugins.linux.restart import judge, touched_with
from recoverops.plugins.linux.supervised import LOOKS, STARTS, Supervised
from recoverops.ports import Clock, Parameter, Permission

KILLS = Permission(
    system="capability",
    right="CAP_KILL, or the same user",
    why="to signal the processes that it ends",
)


class EndProcess:
    """Implements `ports.Action`."""

    name = "end-process"
    summary = "Ends the service's own hung processes with SIGTERM, then SIGKILL, and has it started again."
    effect = EffectClass.RESTORATIVE
    parameters: tuple[Parameter, ...] = ()
    permissions = (LOOKS, STARTS, KILLS)

    def __init__(
        self,
        supervised: Supervised,
        services: Mapping[str, Service],
        *,
        clock: Clock,
        grace: timedelta,
        timeout: timedelta,
    ) -> None:
        self._supervised = supervised
        self._services = services
        self._clock = clock
        self._grace_s = grace.total_seconds()
        self.timeout = timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        process = self._supervised.look_at(service)
        tree = self._supervised.tree_of(process)
        if not tree:
            raise PermanentError(
                f"nothing to end: {service.name} does not run, it is {process.statement}; restart-service starts it"
            )
        return planned(
            self,
            service,
            arguments,
            summary=f"end {service.name} (pid {process.pid}, {len(tree)} processes, {_state(tree[0])}) and start it",
            before={
                "program": process.name,
                **process.snapshot,
                "ticks": str(tree[0].start),
                "processes": " ".join(str(stat.pid) for stat in tree),
                "process_state": tree[0].state,
            },
            aim=("program",),  # not its processes: whichever the service has hang, and may come and go
            touches=touched_with(service, self._services),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: judge(plan.before, self._supervised.look_at(service)))

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        attempt = Attempt(self._clock, timeout_s=plan.timeout_s)
        return attempt.run(lambda attempt: self._end(plan, service, attempt))

    def _end(self, plan: Plan, service: Service, attempt: Attempt) -> Execution:
        name = process_name(service)
        process = self._supervised.look(name)
        verdict = judge(plan.before, process)
        if verdict.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {verdict.statement}", process.snapshot)
        told = self._end_tree(plan, service, process, attempt)
        now = self._supervised.start(name, attempt)
        return succeeded(f"{told}; {name} is {now.statement}", attempt.kept | now.snapshot)

    def _end_tree(self, plan: Plan, service: Service, process: Process, attempt: Attempt) -> str:
        tree = self._supervised.tree_of(process)
        attempt.kept = evidence(service, tree)
        if not tree or str(tree[0].start) != plan.before.get("ticks"):
            return "it had ended already"
        attempt.begun("its processes were told to end, but ")
        ended = end(tree, grace_s=min(self._grace_s, attempt.left_s()), clock=self._clock)
        attempt.begun(f"{ended.statement}, but ")
        attempt.kept["ended"] = ended.statement
        self._supervised.wait_until_gone(process.name, process.pid, attempt)
        return ended.statement


def _state(main: Stat) -> str:
    return STATES.get(main.state, f"state {main.state}")

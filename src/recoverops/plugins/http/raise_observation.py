"""The action `raise-observation`: probe one service more often and raise its log level, for a while.

Undo restores both, compare-and-set; so does the source `observation` when the declared time is over. What it finds
out first, it keeps: one look at the service, and the level as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from recoverops.model import (
    EffectClass,
    Execution,
    ExecutionStatus,
    MisconfiguredError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Service,
    UnreachableError,
)
from recoverops.plugins.http.observations import Observations, Standing
from recoverops.plugins.http.probe import ADDRESS, HttpProbe
from recoverops.ports import Clock, Parameter, Permission
from recoverops.redact import redact


class RaiseObservation:
    """Implements `ports.ReversibleAction`."""

    name = "raise-observation"
    summary = "Probes the service more often and raises its log level for a while, then restores both."
    effect = EffectClass.REVERSIBLE
    parameters: tuple[Parameter, ...] = ()

    def __init__(
        self,
        observations: Observations,
        probe: HttpProbe,
        *,
        every: timedelta,
        lasts: timedelta,
        timeout: timedelta,
        permissions: tuple[Permission, ...],
        clock: Clock,
    ) -> None:
        self._observations = observations
        self._probe = probe
        self._every = every
        self._lasts = lasts
        self._clock = clock
        self.timeout = timeout
        self.permissions = permissions

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        if arguments:
            raise MisconfiguredError(f'action "{self.name}" takes no arguments, got {", ".join(sorted(arguments))!r}')
        if ADDRESS not in service.address:
            raise MisconfiguredError(
                f'service "{service.name}" has no address "{ADDRESS}", so nobody probes it; give it one'
            )
        now, goal = self._observations.standing(service.name), self._observations.raised_level(service.name)
        if now.note is not None:
            until = f"{now.note.until:%H:%M:%SZ}"
            raise PermanentError(f"nothing to raise: {service.name} is observed closer until {until} already")
        level = f", log level {now.level} to {goal}" if goal else ""
        return Plan(
            action=self.name,
            effect=self.effect,
            target=service.resource,
            arguments={},
            touches=(service.resource,),
            summary=f"observe {service.name} closer for {self._lasts.total_seconds():g} s: a probe every "
            f"{self._every.total_seconds():g} s{level}",
            before={"level": now.level, "goal": goal},
            aim=("goal",),
            timeout_s=self.timeout.total_seconds(),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return self._ask(plan, service, is_raised=True)

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return self._ask(plan, service, is_raised=False)

    def _ask(self, plan: Plan, service: Service, *, is_raised: bool) -> ProbeResult:
        try:
            return judge(plan.before, self._observations.standing(service.name), is_raised=is_raised)
        except (UnreachableError, PermanentError) as error:
            return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=redact(str(error)))

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        """The note in the journal is the key: what it says is not done twice."""
        return self._change(plan, service, is_raised=True)

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        return self._change(plan, service, is_raised=False)

    def _change(self, plan: Plan, service: Service, *, is_raised: bool) -> Execution:
        kept: dict[str, str] = {}
        try:
            found = judge(plan.before, self._observations.standing(service.name), is_raised=is_raised)
            if found.answer is ProbeAnswer.DONE:
                return _execution(ExecutionStatus.SUCCEEDED, f"not repeated: {found.statement}", kept)
            if found.answer is ProbeAnswer.UNKNOWN:
                return _execution(ExecutionStatus.FAILED, f"nothing was touched: {found.statement}", kept)
            kept = {"evidence.http": self._probe.look(service)}
        except (UnreachableError, PermanentError, MisconfiguredError, KeyError) as error:
            return _execution(ExecutionStatus.FAILED, f"nothing was done: {error}", kept)
        try:
            self._set(plan, service, is_raised=is_raised)
            now = judge(plan.before, self._observations.standing(service.name), is_raised=is_raised)
        except PermanentError as error:
            told = self._taken_back(plan, service) if is_raised else ""
            return _execution(ExecutionStatus.FAILED, f"it was not done completely: {error}{told}", kept)
        except UnreachableError as error:
            return _execution(ExecutionStatus.UNKNOWN, f"it is not known how it ended: {error}", kept)
        status = ExecutionStatus.SUCCEEDED if now.answer is ProbeAnswer.DONE else ExecutionStatus.FAILED
        return _execution(status, now.statement, {**kept, "level": plan.before["goal" if is_raised else "level"]})

    def _taken_back(self, plan: Plan, service: Service) -> str:
        try:
            self._observations.end(service.name, before=plan.before["level"])
        except (UnreachableError, PermanentError) as error:
            return f"; what was done ends with its time, because it could not be taken back at once: {error}"
        return "; what was done was taken back"

    def _set(self, plan: Plan, service: Service, *, is_raised: bool) -> None:
        before = plan.before["level"]
        if is_raised:
            self._observations.begin(service.name, before=before, until=self._clock.now() + self._lasts)
        else:
            self._observations.end(service.name, before=before)


def judge(before: Mapping[str, str], now: Standing, *, is_raised: bool) -> ProbeResult:
    """Whether it stands as wanted: raised, or as it was before. Pure."""
    old, goal = before.get("level", ""), before.get("goal", "")
    until = f"closer until {now.note.until:%H:%M:%SZ}" if now.note is not None else "as usual"
    told = f"it is observed {until}" + (f", log level {now.level}" if now.level else "")
    if now.level not in {old, goal}:
        return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=f"{told}; somebody has changed that level")
    is_there = (now.note is not None) == is_raised and now.level == (goal if is_raised else old)
    return ProbeResult(answer=ProbeAnswer.DONE if is_there else ProbeAnswer.NOT_DONE, statement=told)


def _execution(status: ExecutionStatus, statement: str, after: Mapping[str, str]) -> Execution:
    return Execution(
        status=status, statement=redact(statement), after={key: redact(value) for key, value in after.items()}
    )

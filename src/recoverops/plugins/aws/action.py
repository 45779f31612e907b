"""What every action of this plugin shares: declaration, checked arguments, aim, and errors as values.

An action is a file in `actions/` with a class that says what it needs (`grants`) and has a few short methods.
`AwsAction` turns them into `ports.Action`; `StateAction` into `ports.ReversibleAction` for changes from one state to
another, with compare-and-set both ways.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Record, Service
from recoverops.plugins.aws.address import Address, Kind, Place
from recoverops.plugins.aws.answers import Attempt, ask, check_arguments, failed, planning, probed, succeeded
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.targets import Felt, Reach, felt_by
from recoverops.ports import Clock, Parameter, Permission
from recoverops.redact import redact

LOOK_AGAIN_S = 2.0
"""How often AWS is asked whether the wanted state has been reached."""


class Aim(Record, frozen=True, kw_only=True):
    """What a plan is about: exact resources, what it would do to them in words, and the state it was made on."""

    address: Address
    summary: str
    before: Mapping[str, str]
    chosen: tuple[str, ...]
    """Names of the entries of `before` that a person says yes to, `Plan.aim`: exact resources, and what they become."""
    felt: Felt


class AwsAction(ABC):
    """Implements `ports.Action`."""

    name: ClassVar[str]
    summary: ClassVar[str]
    effect: ClassVar[EffectClass]
    kind: ClassVar[Kind]
    """The kind of addresses that it understands."""
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    grants: ClassVar[tuple[Grant, ...]]
    cost: ClassVar[str]
    """What it does to the bill, in words: prices are not looked up."""
    is_slow: ClassVar[bool] = False
    """It waits for states that take AWS many minutes; `bounds.slow_timeout` is its timeout."""
    always_asks: ClassVar[str] = ""
    """Why a person approves it, and takes it back, always; see `model.Plan`. Irreversible ones ask without it."""

    def __init__(self, reach: Reach, *, clock: Clock, timeout: timedelta) -> None:
        self.reach = reach
        self.clock = clock
        self._timeout = timeout

    @property
    def timeout(self) -> timedelta:
        return self._timeout

    @property
    def calls(self) -> Calls:
        return self.reach.calls

    @property
    def permissions(self) -> tuple[Permission, ...]:
        grants = self.grants_under(self.reach.settings)
        return tuple(Permission(system="iam", right=one.action, why=one.why) for one in grants)

    @classmethod
    def grants_under(cls, settings: AwsSettings) -> tuple[Grant, ...]:
        """What it needs under these settings: `grants`, and what some setting adds to them."""
        return cls.grants

    @abstractmethod
    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        """Reads, decides, changes nothing. May raise whatever `calls` raises."""

    @abstractmethod
    def look(self, plan: Plan) -> ProbeResult:
        """Whether the effect of the plan has happened. May raise."""

    @abstractmethod
    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        """Do it. May raise; `attempt` says how far it has come."""

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        with planning(self.name, service.name):
            aim = self.aim(service, arguments)
        for key, value in aim.before.items():
            if redact(value) != value:
                raise PermanentError(f'cannot plan {self.name} for {service.name}: its "{key}" looks like a secret')
        others = felt_by(aim.felt, aim.address, self.reach, service)
        place = _place_kept(aim.address.place)
        return Plan(
            action=self.name,
            effect=self.effect,
            target=service.resource,
            arguments=dict(arguments),
            touches=(service.resource, *(self.reach.services[name].resource for name in others)),
            summary=redact(f"{aim.summary}; in {aim.address.place}; cost: {self.cost}"),
            before={**aim.before, **place},
            aim=(*aim.chosen, *place),
            timeout_s=self.timeout.total_seconds(),
            always_asks=self.always_asks,
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self.look(plan))

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self.clock, timeout_s=plan.timeout_s).run(
            lambda attempt: self.act(plan, service, attempt, key=idempotency_key)
        )


class StateAction(AwsAction):
    """Implements `ports.ReversibleAction`: from the state that was probed to another one, and back.

    The states are texts in `Plan.before`: `state` is what was found, `goal` what is wanted. Anything else is somebody
    else's doing, and is left alone.
    """

    effect = EffectClass.REVERSIBLE

    @abstractmethod
    def state(self, plan: Plan) -> str:
        """The state of the plan's resources now, comparable with `state` and `goal`. May raise."""

    @abstractmethod
    def evidence(self, plan: Plan) -> Mapping[str, str]:
        """What is kept before the change. May raise: then nothing is changed."""

    @abstractmethod
    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        """Make it `plan.before[wanted]`, where `wanted` is `goal` or, for an undo, `state`. May raise."""

    def look(self, plan: Plan) -> ProbeResult:
        return self._stands(plan, wanted="goal", other="state")

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ask(lambda: self._stands(plan, wanted="state", other="goal"))

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        return self._switch(plan, attempt, wanted="goal", other="state", key=key)

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self.clock, timeout_s=plan.timeout_s).run(
            lambda attempt: self._switch(plan, attempt, wanted="state", other="goal", key=idempotency_key)
        )

    def _stands(self, plan: Plan, *, wanted: str, other: str) -> ProbeResult:
        now = self.state(plan)
        if now == plan.before[wanted]:
            return probed(ProbeAnswer.DONE, f"it is: {now}")
        answer = ProbeAnswer.NOT_DONE if now == plan.before[other] else ProbeAnswer.UNKNOWN
        return probed(answer, f"it is: {now}; wanted: {plan.before[wanted]}")

    def _switch(self, plan: Plan, attempt: Attempt, *, wanted: str, other: str, key: str) -> Execution:
        now = self.state(plan)
        attempt.kept = {"state": now}
        if now == plan.before[wanted]:
            return succeeded(f"not repeated: it is {now}", attempt.kept)
        if now != plan.before[other]:
            return failed(
                f"nothing was touched: it was changed since: it is {now}, expected {plan.before[other]}", attempt.kept
            )
        attempt.kept |= self.evidence(plan)
        self.change(plan, attempt, wanted=wanted, key=key)
        self.wait_for(plan, attempt, plan.before[wanted])
        attempt.kept["state"] = plan.before[wanted]
        return succeeded(f"it is {plan.before[wanted]}, it was {now}", attempt.kept)

    def wait_for(self, plan: Plan, attempt: Attempt, wanted: str) -> None:
        """Until the state is this. Raises `UnreachableError` when the time is over."""
        while self.state(plan) != wanted:
            attempt.wait(LOOK_AGAIN_S)


def place_of(plan: Plan) -> Place:
    """Where the plan's resources are, whatever the configuration says now."""
    before = plan.before
    return Place(account=before["account"], account_id=before["account_id"], region=before["region"])


def _place_kept(place: Place) -> dict[str, str]:
    return {"account": place.account, "account_id": place.account_id, "region": place.region}

"""The actions `ssm-automation-<name>`: one for each Automation document that the settings declare.

A document with a declared way back is reversible: a second document says what the state is, before and after, and a
third takes it back when the state is still as it was left. Without one it is irreversible.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar, cast

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.aws.action import Aim, AwsAction, place_of
from recoverops.plugins.aws.actions.ssm_run import parameters_of
from recoverops.plugins.aws.address import Address, Kind, Place
from recoverops.plugins.aws.answers import Attempt, ask, evidence, failed, probed, succeeded
from recoverops.plugins.aws.automation import (
    START,
    Run,
    check_may_follow,
    executions,
    followed,
    run_of,
    start,
    token_for,
)
from recoverops.plugins.aws.ecs import ecs_service
from recoverops.plugins.aws.grants import DESCRIBE_ECS, DESCRIBE_INSTANCES, Grant
from recoverops.plugins.aws.instances import described
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.ssm import Document, document, kept, token_of
from recoverops.plugins.aws.ssm_settings import AutomationSettings, RollbackSettings
from recoverops.plugins.aws.targets import Felt, only_one

NAME = "ssm-automation"
Parameters = Mapping[str, tuple[str, ...]]


class RunAutomation(AwsAction):
    """Implements `ports.Action`, once `declared` is set."""

    effect = EffectClass.IRREVERSIBLE
    grants = ()
    cost = "whatever its steps cost; Automation itself is billed by step beyond a free amount"
    declared: ClassVar[AutomationSettings]

    @classmethod
    def grants_under(cls, settings: AwsSettings) -> tuple[Grant, ...]:
        return automation_grants(cls.declared)

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        about = self.declared
        address, ident, felt = self._target(service)
        place = address.place
        check_may_follow(self.calls, place)
        chosen = document(self.calls, place, about.document, kind="Automation", version=about.version)
        parameters = {**_targeted(about, ident), **{name: (one,) for name, one in arguments.items()}}
        earlier = executions(self.calls, place, chosen.name, now=self.clock.now())
        told = ", ".join(f"{name}={value}" for name, value in sorted(arguments.items()))
        return Aim(
            address=address,
            summary=f"run the automation {about.name} on {ident} of {service.name}{f' with {told}' if told else ''}, "
            f"by the SSM document {chosen.name} version {chosen.version} with the rights of {about.role}",
            before={
                "target": ident,
                "document": chosen.name,
                "version": chosen.version,
                "hash": chosen.hash,
                "parameters": kept(parameters),
                "last": earlier[0] if earlier else "",
                **self.state_before(place, ident),
            },
            chosen=("target", "document", "version", "hash", "parameters"),
            felt=felt,
        )

    def state_before(self, place: Place, ident: str) -> Mapping[str, str]:
        return {}

    def check_unchanged(self, plan: Plan, attempt: Attempt) -> None:
        """Raises `PermanentError` when the plan was made on another state."""

    def look(self, plan: Plan) -> ProbeResult:
        return judge(plan, self._ours(plan))

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        ours = self._ours(plan)
        stands = judge(plan, ours)
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if ours is not None and not ours.is_open:
            return failed(f"not repeated: {stands.statement}", {"execution": ours.id})
        if ours is None:
            self._check_scope(plan)
            self.check_unchanged(plan, attempt)
            planned = Document(name=plan.before["document"], version=plan.before["version"], hash=plan.before["hash"])
            if (
                document(self.calls, place_of(plan), planned.name, kind="Automation", version=planned.version)
                != planned
            ):
                raise PermanentError(f"the document {planned.name} was made anew since; plan anew")
            ident = self._start(plan, attempt, planned, _parameters(plan), token=token_for(token_of(plan.before)))
        else:
            ident = ours.id
        return self._ended(plan, attempt, ident)

    def _start(self, plan: Plan, attempt: Attempt, chosen: Document, parameters: Parameters, *, token: str) -> str:
        ident = start(self.calls, place_of(plan), chosen, parameters, token=token)
        attempt.begun(f"the automation {ident} was started, but ")
        attempt.kept["execution"] = ident
        return ident

    def _ended(self, plan: Plan, attempt: Attempt, ident: str) -> Execution:
        run = followed(self.calls, place_of(plan), ident, attempt)
        attempt.kept |= {"execution": ident, "status": run.status, **evidence({"steps": run.steps})}
        if run.status == "Success":
            return succeeded(f"the automation {ident} ended as Success", attempt.kept)
        return failed(f"the automation {ident} ended as {run.status}: {run.failure}; steps: {run.steps}", attempt.kept)

    def _ours(self, plan: Plan) -> Run | None:
        """The newest execution since the plan with the plan's document and parameters, whoever started it."""
        place, wanted = place_of(plan), _parameters(plan)
        for ident in executions(self.calls, place, plan.before["document"], now=self.clock.now()):
            if ident == plan.before["last"]:
                return None
            run = run_of(self.calls, place, ident)
            if all(run.parameters.get(name) == values for name, values in wanted.items()):
                return run
        return None

    def _target(self, service: Service) -> tuple[Address, str, Felt]:
        if self.kind is Kind.ECS:
            address, ident = self.reach.ident(service, Kind.ECS)
            self._check_tags(address.place, ident)
            return address, ident, Felt(ecs=frozenset({ident}))
        address, found = self.reach.instances(service)
        only_one(address)
        (one,) = found
        return address, one.id, Felt(instances=frozenset({one.id}), tags={one.id: one.tags})

    def _check_scope(self, plan: Plan) -> None:
        self._check_tags(place_of(plan), plan.before["target"])

    def _check_tags(self, place: Place, ident: str) -> None:
        if self.kind is Kind.ECS:
            tags = ecs_service(self.calls, place, ident).tags
        else:
            (one,) = described(self.calls, place, [ident])
            tags = one.tags
        self.reach.check_scope(ident, tags)


class RunUndoableAutomation(RunAutomation):
    """Implements `ports.ReversibleAction`, once `declared` with a `rollback` is set."""

    effect = EffectClass.REVERSIBLE

    def state_before(self, place: Place, ident: str) -> Mapping[str, str]:
        attempt = Attempt(self.clock, timeout_s=self.timeout.total_seconds())
        return {"state": self._state(place, ident, attempt)}

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        done = super().act(plan, service, attempt, key=key)
        state = self._state(place_of(plan), plan.before["target"], attempt)
        return Execution(status=done.status, statement=done.statement, after={**done.after, "state": state})

    def check_unchanged(self, plan: Plan, attempt: Attempt) -> None:
        now = self._state(place_of(plan), plan.before["target"], attempt)
        if now != plan.before["state"]:
            raise PermanentError(f"the state is {now}, the plan was made on {plan.before['state']}; plan anew")

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ask(lambda: self._undone(plan, left))

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self.clock, timeout_s=plan.timeout_s).run(lambda attempt: self._undo(plan, left, attempt))

    def _undo(self, plan: Plan, left: Mapping[str, str], attempt: Attempt) -> Execution:
        stands = self._undone(plan, left)
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if stands.answer is ProbeAnswer.UNKNOWN:
            return failed(f"nothing was touched: it was changed since: {stands.statement}", attempt.kept)
        self._check_scope(plan)
        back, place = self._rollback, place_of(plan)
        chosen = document(self.calls, place, back.document, kind="Automation", version=back.version)
        state: Mapping[str, str] = json.loads(plan.before["state"])
        restored = {name: (state[output],) for name, output in back.restore.items()}
        parameters = {**_targeted(self.declared, plan.before["target"]), **restored}
        token = token_for(f"{token_of(plan.before)} undo {left.get('execution', '')}")
        done = self._ended(plan, attempt, self._start(plan, attempt, chosen, parameters, token=token))
        now = self._state(place, plan.before["target"], attempt)
        return Execution(status=done.status, statement=done.statement, after={**done.after, "state": now})

    def _undone(self, plan: Plan, left: Mapping[str, str]) -> ProbeResult:
        attempt = Attempt(self.clock, timeout_s=plan.timeout_s)
        now = self._state(place_of(plan), plan.before["target"], attempt)
        told = f"the state is {now}, it was {plan.before['state']} before and {left.get('state', 'unknown')} after"
        if now == plan.before["state"]:
            return probed(ProbeAnswer.DONE, told)
        return probed(ProbeAnswer.NOT_DONE if now == left.get("state") else ProbeAnswer.UNKNOWN, told)

    def _state(self, place: Place, target: str, attempt: Attempt) -> str:
        """The outputs of the document that looks. Raises `PermanentError` when it does not succeed."""
        look = self._rollback
        chosen = document(self.calls, place, look.look, kind="Automation", version=look.look_version)
        parameters = _targeted(self.declared, target, fixed=False)
        token = token_for(f"look {target} {self.clock.now().isoformat()}")
        run = followed(self.calls, place, start(self.calls, place, chosen, parameters, token=token), attempt)
        if run.status != "Success" or not run.outputs:
            raise PermanentError(f"{chosen.name} does not say the state of {target}: {run.status}: {run.failure}")
        return json.dumps(dict(sorted(run.outputs.items())))

    @property
    def _rollback(self) -> RollbackSettings:
        assert self.declared.rollback is not None, "else it is not of this class"
        return self.declared.rollback


def declared_automations(settings: AwsSettings) -> tuple[type[RunAutomation], ...]:
    """An action for each declared document, if `ssm-automation` is enabled."""
    if settings.ssm is None or NAME not in settings.actions:
        return ()
    return tuple(_declared(one) for one in settings.ssm.automations)


def _declared(one: AutomationSettings) -> type[RunAutomation]:
    base = RunAutomation if one.rollback is None else RunUndoableAutomation
    about = {
        "name": f"{NAME}-{one.name}",
        "summary": f"Runs the SSM Automation document {one.document} on what the service lives on.",
        "kind": Kind(one.kind),
        "parameters": parameters_of(one.parameters),
        "declared": one,
    }
    return cast(type[RunAutomation], type(f"{base.__name__}_{one.name}", (base,), about))


def automation_grants(about: AutomationSettings) -> tuple[Grant, ...]:
    """Started are exactly these versions; what their steps may do is the role's matter."""
    used = {about.document: about.version}
    if about.rollback is not None:
        used |= {about.rollback.look: about.rollback.look_version, about.rollback.document: about.rollback.version}
    prefix, look = "arn:{partition}:ssm:{region}:{account}", "to check the document that was planned with"
    run = "to run these versions of the documents, and no others"
    return (
        DESCRIBE_ECS if about.kind == "ecs" else DESCRIBE_INSTANCES,
        *(
            Grant(action="ssm:DescribeDocument", why=look, arn=f"{prefix}:document/{one}", changes=False)
            for one in sorted(used)
        ),
        Grant(
            action="ssm:DescribeAutomationExecutions",
            why="to see whether the automation ran already",
            no_resource="AWS has no resource-level permission for it",
            changes=False,
        ),
        Grant(
            action="ssm:GetAutomationExecution",
            why="to see how the automation ended; its id is not known before",
            arn=f"{prefix}:automation-execution/*",
            changes=False,
        ),
        *(
            Grant(action=START, why=run, arn=f"{prefix}:automation-definition/{one}:{version}")
            for one, version in sorted(used.items())
        ),
        Grant(
            action="iam:PassRole",
            why="to hand the role over to Automation, and to nobody else",
            arn=about.role,
            condition={"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}},
        ),
    )


def judge(plan: Plan, ours: Run | None) -> ProbeResult:
    """Whether the plan's automation ran. Pure."""
    if ours is None:
        return probed(ProbeAnswer.NOT_DONE, f"{plan.before['document']} has not been run like this since the plan")
    answer = ProbeAnswer.DONE if ours.status == "Success" else ProbeAnswer.UNKNOWN
    return probed(answer, f"the automation {ours.id} is {ours.status}; steps: {ours.steps}")


def _targeted(about: AutomationSettings, ident: str, *, fixed: bool = True) -> Parameters:
    """The parameters that do not come from a runbook."""
    cluster, _, name = ident.partition("/")
    parts = {"instance": ident, "cluster": cluster, "service": name}
    return {
        **({name: (value,) for name, value in about.fixed.items()} if fixed else {}),
        **{parameter: (parts[part],) for parameter, part in about.target.items()},
        "AutomationAssumeRole": (about.role,),
    }


def _parameters(plan: Plan) -> Parameters:
    given: Mapping[str, list[str]] = json.loads(plan.before["parameters"])
    return {name: tuple(values) for name, values in given.items()}

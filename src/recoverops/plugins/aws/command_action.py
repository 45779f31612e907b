"""What the actions share that run a declared Command document on one instance through SSM.

SendCommand has no idempotency token. So the command carries in its comment a digest of what the plan was made on (the
last command before it included), and it is sent only when no command with that comment is listed. ListCommands may lag
by moments: a command whose answer was lost is looked for a while before it is called unknown.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping

from recoverops.model import (
    Execution,
    OutcomeUnknownError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Record,
    Service,
)
from recoverops.plugins.aws.action import LOOK_AGAIN_S, Aim, AwsAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence, failed, probed, succeeded
from recoverops.plugins.aws.grants import DESCRIBE_INSTANCES, Grant
from recoverops.plugins.aws.instances import described
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.ssm import (
    DESCRIBE_MANAGED,
    GET_INVOCATION,
    LIST_COMMANDS,
    NEVER_RAN,
    OPEN,
    Document,
    Ended,
    Sent,
    check_answers,
    check_may_look,
    commands,
    comment_of,
    document,
    ended,
    kept,
    mark_of,
)
from recoverops.plugins.aws.targets import Felt, only_one

_SEND = "ssm:SendCommand"
_SHORTEST_DELIVERY_S = 30
"""AWS's own: a command that its instance did not take within it is not run."""
_LOOKS_AFTER_LOSS = 4


class Order(Record, frozen=True, kw_only=True):
    """What is to be run."""

    document: str
    parameters: Mapping[str, tuple[str, ...]]
    told: str
    """in words: "restart checkout.service" """


class CommandAction(AwsAction):
    """Acts on exactly one instance."""

    kind = Kind.EC2
    cost = "none"

    @abstractmethod
    def order(self, service: Service, arguments: Mapping[str, str]) -> Order:
        """Pure. Raises `PermanentError` for what is not declared in the settings."""

    @classmethod
    @abstractmethod
    def documents(cls, settings: AwsSettings) -> tuple[str, ...]:
        """The names of all documents that it may run under these settings."""

    @classmethod
    def grants_under(cls, settings: AwsSettings) -> tuple[Grant, ...]:
        return (*command_grants(cls.documents(settings)), *cls.grants)

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        order = self.order(service, arguments)
        address, found = self.reach.instances(service)
        only_one(address)
        (one,), place = found, address.place
        if one.state != "running":
            raise PermanentError(f"a command runs only on a running instance: {one.told}")
        check_answers(self.calls, place, one.id)
        check_may_look(self.calls, place, one.id)
        chosen = document(self.calls, place, order.document, kind="Command")
        before = commands(self.calls, place, chosen.name, one.id, now=self.clock.now())
        return Aim(
            address=address,
            summary=f"{order.told} on {one.id} of {service.name}, by the SSM document {chosen.name} "
            f"version {chosen.version}",
            before={
                "instances": one.id,
                "document": chosen.name,
                "version": chosen.version,
                "hash": chosen.hash,
                "parameters": kept(order.parameters),
                "last": before[0].id if before else "",
            },
            chosen=("instances", "document", "version", "hash", "parameters"),
            felt=Felt(instances=frozenset({one.id}), tags={one.id: one.tags}),
        )

    def look(self, plan: Plan) -> ProbeResult:
        return judge(plan, self._sent(plan))

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        stands = judge(plan, found := self._sent(plan))
        ours = _ours(plan, found)
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if ours is not None and ours.status not in OPEN and stands.answer is ProbeAnswer.UNKNOWN:
            return failed(f"not repeated: {stands.statement}", {"command": ours.id})
        command = ours.id if ours is not None and ours.status in OPEN else self._send(plan, attempt, key)
        attempt.begun(f"the command {command} was sent, but ")
        attempt.kept["command"] = command
        return self._judged(plan, attempt, command, self._wait(plan, attempt, command))

    def _send(self, plan: Plan, attempt: Attempt, key: str) -> str:
        """Its id. Everything that can be refused without an effect is asked first."""
        place, ident = place_of(plan), plan.before["instances"]
        for one in described(self.calls, place, [ident]):
            self.reach.check_scope(one.id, one.tags)
        attempt.kept |= evidence({"agent": check_answers(self.calls, place, ident)})
        check_may_look(self.calls, place, ident)
        now = document(self.calls, place, plan.before["document"], kind="Command")
        planned = Document(name=now.name, version=plan.before["version"], hash=plan.before["hash"])
        if now != planned:
            raise PermanentError(
                f"the document {now.name} was changed since: it is version {now.version}, planned was "
                f"{planned.version}; plan anew"
            )
        try:
            answer = self.calls.change(
                place,
                _SEND,
                InstanceIds=[ident],
                DocumentName=planned.name,
                DocumentVersion=planned.version,
                DocumentHash=planned.hash,
                DocumentHashType="Sha256",
                Parameters=json.loads(plan.before["parameters"]),
                Comment=comment_of(plan.before, key),
                TimeoutSeconds=_SHORTEST_DELIVERY_S,
            )
        except OutcomeUnknownError:
            return self._found_after_loss(plan, attempt)
        return str(answer["Command"]["CommandId"])

    def _found_after_loss(self, plan: Plan, attempt: Attempt) -> str:
        """The id of a command whose answer was lost. Raises `OutcomeUnknownError` when it does not show up."""
        attempt.begun("the answer to ssm:SendCommand was lost, ")
        for left in reversed(range(_LOOKS_AFTER_LOSS)):
            ours = _ours(plan, self._sent(plan))
            if ours is not None:
                return ours.id
            if left:
                attempt.wait(LOOK_AGAIN_S)
        raise OutcomeUnknownError(
            f"{_SEND} on {plan.before['instances']}: no answer; it may have taken effect, and no such command is "
            "listed yet"
        )

    def _wait(self, plan: Plan, attempt: Attempt, command: str) -> Ended:
        wait_s = 0.1
        while True:
            now = ended(self.calls, place_of(plan), command, plan.before["instances"])
            if now is not None and not now.is_open:
                return now
            attempt.wait(wait_s)
            wait_s = min(2 * wait_s, LOOK_AGAIN_S)

    def _judged(self, plan: Plan, attempt: Attempt, command: str, end: Ended) -> Execution:
        attempt.kept |= {"status": end.told} | evidence({"output": end.output, "errors": end.error})
        if end.status == "Success":
            return succeeded(f"the command {command} ended: {end.told}", attempt.kept)
        if end.detail in NEVER_RAN:
            return failed(f"nothing was done: the command {command} never ran: {end.told}", attempt.kept)
        return failed(f"the command {command} ended: {end.told}: {end.error or end.output}", attempt.kept)

    def _sent(self, plan: Plan) -> tuple[Sent, ...]:
        before = plan.before
        return commands(self.calls, place_of(plan), before["document"], before["instances"], now=self.clock.now())


def command_grants(documents: tuple[str, ...]) -> tuple[Grant, ...]:
    """What running these documents needs: SendCommand is judged on the document and on the instance, both."""
    arns = [f"arn:{{partition}}:ssm:{{region}}:{{account}}:document/{one}" for one in documents]
    pin = "to pin the version and the hash of the document that was planned with"
    return (
        DESCRIBE_INSTANCES,
        DESCRIBE_MANAGED,
        LIST_COMMANDS,
        GET_INVOCATION,
        *(Grant(action="ssm:DescribeDocument", why=pin, arn=one, changes=False) for one in arns),
        *(Grant(action=_SEND, why="to run the document, and no other", arn=one) for one in arns),
        Grant(action=_SEND, why="to run it on these instances", on=Kind.EC2, tag_key="ssm:resourceTag"),
    )


def _ours(plan: Plan, sent: tuple[Sent, ...]) -> Sent | None:
    """The newest command of this plan."""
    mark = mark_of(plan.before)
    return next((one for one in sent if one.comment.startswith(mark)), None)


def judge(plan: Plan, sent: tuple[Sent, ...]) -> ProbeResult:
    """Whether this plan's command ran, by its comment. Pure."""
    ours = _ours(plan, sent)
    if ours is None:
        return probed(ProbeAnswer.NOT_DONE, f"no command of this plan is listed for {plan.before['instances']}")
    told = f"the command {ours.id} of this plan is {ours.detail or ours.status}"
    if ours.status == "Success":
        return probed(ProbeAnswer.DONE, told)
    return probed(ProbeAnswer.NOT_DONE if ours.detail in NEVER_RAN else ProbeAnswer.UNKNOWN, told)

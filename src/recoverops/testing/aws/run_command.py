"""Run Command in the double: moto's `SendCommand` executes nothing, here each instance's script really runs.

States are those of AWS: Pending, InProgress, then Success, Failed, TimedOut or Cancelled. As in AWS a command can be
looked at only a moment after it was sent: the first looks find nothing.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recoverops.testing.aws.documents import Document, Value, document_of, filled, parameters_of
from recoverops.testing.aws.door import RefusedError
from recoverops.testing.aws.machine import Machine, Ran
from recoverops.testing.aws.named import Call

_PAGE = 50
_DEFAULT_TIMEOUT_S = 3600.0
_OPEN = frozenset({"Pending", "InProgress"})


@dataclass(kw_only=True)
class Invocation:
    """One command on one instance."""

    instance: str
    status: str = "Pending"
    detail: str = "Pending"
    ran: Ran | None = None
    began: datetime | None = None
    ended: datetime | None = None
    unseen: int = 0
    """So many looks find nothing yet."""

    def end(self, status: str, detail: str, *, ran: Ran | None, at: datetime) -> None:
        if self.status in _OPEN:
            self.status, self.detail, self.ran, self.ended = status, detail, ran, at


@dataclass(kw_only=True)
class Command:
    id: str
    document: Document
    parameters: Mapping[str, Value]
    comment: str
    delivery_s: float
    at: datetime
    invocations: dict[str, Invocation] = field(default_factory=dict)

    @property
    def status(self) -> str:
        found = [one.status for one in self.invocations.values()]
        ranked = ("Pending", "InProgress", "Cancelled", "TimedOut", "Failed", "Success")
        return next(one for one in ranked if one in found)


class RunCommand:
    """The state of Run Command of one server. Thread-safe."""

    def __init__(self) -> None:
        self.lag = 1
        """How many looks at an invocation find nothing, as right after sending in AWS."""
        self._folder = tempfile.TemporaryDirectory(prefix="recoverops-aws-")
        self._lock = threading.RLock()
        self._machines: dict[str, Machine] = {}
        self._commands: dict[str, Command] = {}
        self._threads: list[threading.Thread] = []
        self._is_over = threading.Event()

    @property
    def answers(self) -> dict[str, Callable[[Call], Mapping[str, Any]]]:
        return {
            "ssm:SendCommand": self.send,
            "ssm:ListCommands": self._list_commands,
            "ssm:ListCommandInvocations": self._list_invocations,
            "ssm:GetCommandInvocation": self._invocation,
            "ssm:CancelCommand": self._cancel,
            "ssm:DescribeInstanceInformation": self._information,
        }

    def machine(self, instance: str) -> Machine:
        """The machine of this EC2 instance, managed by SSM from now on."""
        with self._lock:
            if instance not in self._machines:
                self._machines[instance] = Machine(Path(self._folder.name) / instance)
            return self._machines[instance]

    def close(self) -> None:
        self._is_over.set()
        for machine in self._machines.values():
            machine.close()
        for thread in self._threads:
            thread.join(10)
        self._folder.cleanup()

    def send(self, call: Call) -> Mapping[str, Any]:
        """`SendCommand`. Refused for an instance that SSM does not manage."""
        body = call.body
        if body.get("Targets"):
            raise RefusedError("ValidationException", "the double knows InstanceIds only, no Targets")
        idents = [str(one) for one in body.get("InstanceIds", ())]
        document = document_of(call, kind="Command")
        parameters = parameters_of(document, body.get("Parameters", {}))
        with self._lock:
            if not idents or any(one not in self._machines for one in idents):
                raise RefusedError("InvalidInstanceId", f"Instances {idents} not in a valid state for account")
            for one in idents:
                _check_inside(self._machines[one], parameters)
            command = Command(
                id=str(uuid.uuid4()),
                document=document,
                parameters=parameters,
                comment=str(body.get("Comment", "")),
                delivery_s=float(body.get("TimeoutSeconds", _DEFAULT_TIMEOUT_S)),
                at=_now(),
            )
            self._commands[command.id] = command
            for one in idents:
                command.invocations[one] = Invocation(instance=one, unseen=self.lag)
        for one in idents:
            self._begin(call, command, one)
        return {"Command": _command(command)}

    def status(self, command_id: str) -> tuple[str, Mapping[str, Invocation]]:
        """For Automation."""
        with self._lock:
            command = self._commands[command_id]
            return command.status, command.invocations

    def _begin(self, call: Call, command: Command, instance: str) -> None:
        thread = threading.Thread(
            target=self._run, args=(call, command, instance), name=f"command-{instance}", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _run(self, call: Call, command: Command, instance: str) -> None:
        invocation, machine = command.invocations[instance], self._machines[instance]
        if not self._wait_for_agent(call, machine, instance, command.delivery_s):
            with self._lock:
                invocation.end("TimedOut", "DeliveryTimedOut", ran=None, at=_now())
            return
        with self._lock:
            if invocation.status == "Pending":
                invocation.status = invocation.detail = "InProgress"
                invocation.began = _now()
        ran = Ran(code=0, output="", error="")
        for step in command.document.content["mainSteps"]:
            if invocation.status != "InProgress" or ran.code or ran.is_timed_out:
                break
            ran = _joined(ran, _step(step, command.parameters, machine))
        status, detail = ("Success", "Success") if ran.code == 0 else ("Failed", "Failed")
        if ran.is_timed_out:
            status, detail = "TimedOut", "ExecutionTimedOut"
        with self._lock:
            invocation.end(status, detail, ran=ran, at=_now())

    def _wait_for_agent(self, call: Call, machine: Machine, instance: str, delivery_s: float) -> bool:
        for _ in range(int(delivery_s / 0.05) + 1):
            if _is_online(call, machine, instance):
                return True
            if self._is_over.wait(0.05):
                return False
        return False

    def _list_commands(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            found = [
                one
                for one in self._commands.values()
                if call.body.get("InstanceId") in {None, *_arrived(one)}
                and call.body.get("CommandId") in {None, one.id}
                and all(_fits(one, each["key"], each["value"]) for each in call.body.get("Filters", ()))
            ]
            page, more = _page(call, sorted(found, key=lambda one: one.at, reverse=True))
            return {"Commands": [_command(one) for one in page], **more}

    def _list_invocations(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            found = [
                (command, one)
                for command in self._commands.values()
                for one in command.invocations.values()
                if call.body.get("InstanceId") in {None, one.instance}
                and call.body.get("CommandId") in {None, command.id}
            ]
            page, more = _page(call, found)
            return {"CommandInvocations": [_listed(command, one) for command, one in page], **more}

    def _invocation(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            command = self._known(call)
            invocation = command.invocations.get(str(call.body.get("InstanceId")))
            if invocation is None or invocation.unseen > 0:
                if invocation is not None:
                    invocation.unseen -= 1
                raise RefusedError("InvocationDoesNotExist", "the command has no invocation there (yet)")
            return _looked_at(command, invocation)

    def _cancel(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            command = self._known(call)
            for one in command.invocations.values():
                one.end("Cancelled", "Cancelled", ran=None, at=_now())
        for ident in command.invocations:
            self._machines[ident].end_scripts()
        return {}

    def _known(self, call: Call) -> Command:
        command = self._commands.get(str(call.body["CommandId"]))
        if command is None:
            raise RefusedError("InvalidCommandId", "the command does not exist")
        return command

    def _information(self, call: Call) -> Mapping[str, Any]:
        wanted: set[str] = set(self._machines)
        for one in call.body.get("Filters", ()):
            if one["Key"] != "InstanceIds":
                raise RefusedError("InvalidFilterKey", f"the double knows no filter {one['Key']}")
            wanted &= set(one["Values"])
        page, more = _page(call, sorted(wanted))
        return {"InstanceInformationList": [_told(call, self._machines[one], one) for one in page], **more}


def _check_inside(machine: Machine, parameters: Mapping[str, Value]) -> None:
    """A folder is no jail, so the double runs nothing on paths of this computer outside it."""
    values = itertools.chain.from_iterable([one] if isinstance(one, str) else one for one in parameters.values())
    for path in (Path(one) for one in values if one.startswith("/")):
        if not path.resolve().is_relative_to(machine.folder):
            raise RefusedError(
                "InvalidParameters", f"{path} is outside {machine.folder}, the folder that stands for the instance"
            )


def _step(step: Mapping[str, Any], parameters: Mapping[str, Value], machine: Machine) -> Ran:
    if step["action"] != "aws:runShellScript":
        raise NotImplementedError(f"the double does not know the plugin {step['action']}; add it to run_command.py")
    inputs = filled(step["inputs"], parameters)
    script = "\n".join(inputs["runCommand"])
    return machine.run(script, timeout_s=float(inputs.get("timeoutSeconds", _DEFAULT_TIMEOUT_S)))


def _joined(before: Ran, after: Ran) -> Ran:
    return Ran(
        code=after.code,
        output=before.output + after.output,
        error=before.error + after.error,
        is_timed_out=after.is_timed_out,
    )


def _is_online(call: Call, machine: Machine, instance: str) -> bool:
    """An agent answers while its machine is reachable, and its EC2 instance, if there is one, runs."""
    from moto.ec2.models import ec2_backends

    reservations = list(ec2_backends[call.account][call.region].reservations.values())
    states = [one.state for each in reservations for one in each.instances if one.id == instance]
    return machine.is_reachable and states in ([], ["running"])


def _fits(command: Command, key: str, value: str) -> bool:
    if key == "DocumentName":
        return command.document.name == value
    if key == "InvokedAfter":
        return command.at >= datetime.fromisoformat(value)
    raise RefusedError("InvalidFilterKey", f"the double knows no filter {key}")


def _arrived(command: Command) -> tuple[str, ...]:
    """Where it can be listed by instance: as in AWS not before the agent took it."""
    return tuple(one.instance for one in command.invocations.values() if one.status != "Pending")


def _page(call: Call, found: Sequence[Any]) -> tuple[Sequence[Any], dict[str, str]]:
    size, start = int(call.body.get("MaxResults", _PAGE)), int(call.body.get("NextToken", "0"))
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return found[start : start + size], more


def _command(command: Command) -> dict[str, Any]:
    return {
        "CommandId": command.id,
        "DocumentName": command.document.name,
        "DocumentVersion": command.document.version,
        "Comment": command.comment,
        "Parameters": {key: [one] if isinstance(one, str) else one for key, one in command.parameters.items()},
        "InstanceIds": list(command.invocations),
        "RequestedDateTime": command.at,
        "Status": command.status,
        "StatusDetails": next(iter(command.invocations.values())).detail,
        "TargetCount": len(command.invocations),
    }


def _listed(command: Command, one: Invocation) -> dict[str, Any]:
    return {
        "CommandId": command.id,
        "InstanceId": one.instance,
        "Comment": command.comment,
        "DocumentName": command.document.name,
        "RequestedDateTime": command.at,
        "Status": one.status,
        "StatusDetails": one.detail,
    }


def _looked_at(command: Command, one: Invocation) -> dict[str, Any]:
    ran = one.ran
    return {
        **_listed(command, one),
        "DocumentVersion": command.document.version,
        "ResponseCode": -1 if ran is None else ran.code,
        "StandardOutputContent": "" if ran is None else ran.output,
        "StandardErrorContent": "" if ran is None else ran.error,
        "ExecutionStartDateTime": "" if one.began is None else one.began.isoformat(),
        "ExecutionEndDateTime": "" if one.ended is None else one.ended.isoformat(),
    }


def _told(call: Call, machine: Machine, instance: str) -> dict[str, Any]:
    return {
        "InstanceId": instance,
        "PingStatus": "Online" if _is_online(call, machine, instance) else "ConnectionLost",
        "LastPingDateTime": _now(),
        "PlatformType": "Linux",
        "ResourceType": "EC2Instance",
        "AgentVersion": "double",
        "IsLatestVersion": False,
    }


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the double is the other side, with a clock of its own

"""SSM Automation in the double, which moto lacks: the steps of a document are really carried out, call by call.

Each step calls the double over HTTP with the credentials of the document's role, so the door judges what the role may.
How steps follow each other is here, what a step does is in `automation_steps.py`.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from recoverops.testing.aws.automation_steps import ACTIONS, Clients, StepError, outputs_of
from recoverops.testing.aws.documents import Document, document_of, filled, parameters_of
from recoverops.testing.aws.door import RefusedError
from recoverops.testing.aws.named import Call

_SERVICE = "ssm.amazonaws.com"
_MOST_STEPS = 200
"""Carried out in one execution, so that a document that goes in circles ends."""


@dataclass(kw_only=True)
class Step:
    name: str
    action: str
    status: str = "InProgress"
    failure: str = ""
    outputs: dict[str, list[str]] = field(default_factory=dict)
    began: datetime
    ended: datetime | None = None


@dataclass(kw_only=True)
class Execution:
    id: str
    document: Document
    parameters: Mapping[str, Any]
    began: datetime
    status: str = "InProgress"
    failure: str = ""
    ended: datetime | None = None
    steps: list[Step] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    is_stopping: threading.Event = field(default_factory=threading.Event)


class Automation:
    """The executions of one server. Thread-safe."""

    def __init__(self, clients: Callable[[str, str], Clients]) -> None:
        self.longest_wait_s = 600.0
        """A step waits no longer, whatever its `timeoutSeconds` says; a test may shorten it."""
        self._clients = clients
        self._lock = threading.RLock()
        self._executions: dict[str, Execution] = {}
        self._tokens: dict[str, tuple[str, str]] = {}
        self._threads: list[threading.Thread] = []

    @property
    def answers(self) -> dict[str, Callable[[Call], Mapping[str, Any]]]:
        return {
            "ssm:StartAutomationExecution": self._start,
            "ssm:GetAutomationExecution": self._get,
            "ssm:DescribeAutomationExecutions": self._list,
            "ssm:DescribeAutomationStepExecutions": self._list_steps,
            "ssm:StopAutomationExecution": self._stop,
        }

    def close(self) -> None:
        with self._lock:
            for one in self._executions.values():
                one.is_stopping.set()
        for thread in self._threads:
            thread.join(10)

    def _start(self, call: Call) -> Mapping[str, Any]:
        body = call.body
        document = document_of(call, kind="Automation")
        unknown = sorted({one["action"] for one in document.content["mainSteps"]} - ACTIONS.keys())
        if unknown:
            raise NotImplementedError(
                f"the double does not know the action {unknown[0]}; add it to automation_steps.py"
            )
        parameters = parameters_of(document, body.get("Parameters", {}))
        role = str(filled(document.content.get("assumeRole", ""), parameters))
        _check_role(role)
        told = json.dumps([document.name, document.version, parameters], sort_keys=True)
        with self._lock:
            token = str(body.get("ClientToken", uuid.uuid4())).lower()
            known, ident = self._tokens.setdefault(token, (told, str(uuid.uuid4())))
            if known != told:
                raise RefusedError("IdempotentParameterMismatch", "the token was used with other parameters")
            if ident not in self._executions:
                self._begin(ident, document, parameters, role, call.region)
        return {"AutomationExecutionId": ident}

    def _begin(self, ident: str, document: Document, parameters: Mapping[str, Any], role: str, region: str) -> None:
        execution = Execution(id=ident, document=document, parameters=parameters, began=_now())
        execution.values = {**parameters, "automation:EXECUTION_ID": ident, "global:REGION": region}
        self._executions[ident] = execution
        thread = threading.Thread(
            target=self._carry_out, args=(execution, role, region), name=f"automation-{ident[:8]}", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _carry_out(self, execution: Execution, role: str, region: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        status, failure = "Success", ""
        try:
            for step, outcome in self._walk(execution, self._clients(role, region)):
                if outcome and step.get("isCritical", True) is not False:
                    status, failure = "Failed", f"Step {step['name']} failed: {outcome}"
        except (StepError, ClientError, BotoCoreError) as error:
            status, failure = "Failed", str(error)
        if execution.is_stopping.is_set():
            status = "Cancelled"
        with self._lock:
            execution.status, execution.failure, execution.ended = status, failure, _now()

    def _walk(self, execution: Execution, clients: Clients) -> Any:
        """Each step that is carried out, and why it failed (empty: it did not)."""
        steps: Sequence[Mapping[str, Any]] = execution.document.content["mainSteps"]
        places = {one["name"]: number for number, one in enumerate(steps)}
        at: int | None = 0
        for _ in range(_MOST_STEPS):
            if at is None or at >= len(steps) or execution.is_stopping.is_set():
                return
            step = steps[at]
            failure, chosen = self._carry_out_one(execution, step, clients)
            yield step, failure
            at = _next(step, places, at, failure=failure, chosen=chosen)
        raise StepError(f"more than {_MOST_STEPS} steps; the document goes in circles")

    def _carry_out_one(self, execution: Execution, step: Mapping[str, Any], clients: Clients) -> tuple[str, str | None]:
        """Why it failed, and the step that a branch chose."""
        record = Step(name=step["name"], action=step["action"], began=_now())
        with self._lock:
            execution.steps.append(record)
        step = {**step, "timeoutSeconds": min(float(step.get("timeoutSeconds", 60)), self.longest_wait_s)}
        failure, chosen, found = "", None, dict[str, Any]()
        for _ in range(int(step.get("maxAttempts", 1))):
            try:
                inputs = filled(step.get("inputs", {}), execution.values)
                answer = ACTIONS[step["action"]](inputs, step, clients, execution.is_stopping)
                found = outputs_of(step, answer)
                chosen, failure = answer.get("NextStep"), ""
                break
            except (StepError, RefusedError) as error:
                failure = str(error)
        with self._lock:
            for name, value in found.items():
                execution.values[f"{step['name']}.{name}"] = value
                record.outputs[name] = [value] if isinstance(value, str) else [json.dumps(value)]
            record.status, record.failure, record.ended = ("Failed" if failure else "Success"), failure, _now()
        return failure, chosen

    def _get(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            execution = self._known(call)
            wanted = execution.document.content.get("outputs") or ()
            outputs = {one: [str(execution.values[one])] for one in wanted if one in execution.values}
            return {
                "AutomationExecution": {
                    **_listed(execution),
                    "Parameters": {
                        key: [one] if isinstance(one, str) else one for key, one in execution.parameters.items()
                    },
                    "Outputs": outputs,
                    "FailureMessage": execution.failure,
                    "StepExecutions": [_step(one) for one in execution.steps],
                    "StepExecutionsTruncated": False,
                }
            }

    def _list(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            found = [
                one
                for one in self._executions.values()
                if all(_fits(one, each["Key"], each["Values"]) for each in call.body.get("Filters", ()))
            ]
            found.sort(key=lambda one: one.began, reverse=True)
            return {"AutomationExecutionMetadataList": [_listed(one) for one in found]}

    def _list_steps(self, call: Call) -> Mapping[str, Any]:
        with self._lock:
            return {"StepExecutions": [_step(one) for one in self._known(call).steps]}

    def _stop(self, call: Call) -> Mapping[str, Any]:
        self._known(call).is_stopping.set()
        return {}

    def _known(self, call: Call) -> Execution:
        execution = self._executions.get(str(call.body["AutomationExecutionId"]))
        if execution is None:
            raise RefusedError("AutomationExecutionNotFoundException", "there is no such execution")
        return execution


def _next(
    step: Mapping[str, Any], places: Mapping[str, int], at: int, *, failure: str, chosen: str | None
) -> int | None:
    """The step after this one, None at the end. Pure."""
    if failure:
        way = step.get("onFailure", "Abort")
        if way == "Abort":
            return None
        if way.startswith("step:"):
            return places[way.removeprefix("step:")]
    if chosen is not None:
        return places[chosen]
    if step.get("isEnd"):
        return None
    return places[step["nextStep"]] if "nextStep" in step else at + 1


def _check_role(arn: str) -> None:
    from moto.iam.models import iam_backends

    parts = arn.split(":")
    roles = iam_backends[parts[4]]["aws"].roles.values() if len(parts) > 5 else ()
    role = next((one for one in roles if one.arn == arn), None)
    trusted = [] if role is None else json.loads(role.assume_role_policy_document)["Statement"]
    if not any(one["Principal"].get("Service") == _SERVICE and one["Effect"] == "Allow" for one in trusted):
        raise RefusedError(
            "InvalidAutomationExecutionParametersException", "The defined assume role is unable to be assumed."
        )


def _fits(execution: Execution, key: str, values: Sequence[str]) -> bool:
    if key == "DocumentNamePrefix":
        return any(execution.document.name.startswith(one) for one in values)
    if key == "StartTimeAfter":
        return execution.began >= datetime.fromisoformat(values[0])
    raise RefusedError("InvalidFilterKey", f"the double knows no filter {key}")


def _listed(execution: Execution) -> dict[str, Any]:
    return {
        "AutomationExecutionId": execution.id,
        "DocumentName": execution.document.name,
        "DocumentVersion": execution.document.version,
        "AutomationExecutionStatus": execution.status,
        "ExecutionStartTime": execution.began,
        **({} if execution.ended is None else {"ExecutionEndTime": execution.ended}),
    }


def _step(one: Step) -> dict[str, Any]:
    return {
        "StepName": one.name,
        "Action": one.action,
        "StepStatus": one.status,
        "FailureMessage": one.failure,
        "Outputs": one.outputs,
        "ExecutionStartTime": one.began,
        **({} if one.ended is None else {"ExecutionEndTime": one.ended}),
    }


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the double is the other side, with a clock of its own

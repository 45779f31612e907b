"""Executions of SSM Automation as AWS describes them, reduced to what actions decide on; and how one is started.

StartAutomationExecution has a real idempotency token: a call whose answer is lost is made again with the same one.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from recoverops.model import NotFoundError, OutcomeUnknownError, PermanentError, Record
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.answers import Attempt
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.ssm import Document

_LOOK_BACK = timedelta(days=1)
_NO_EXECUTION = "00000000-0000-0000-0000-000000000000"
_OPEN = frozenset(
    {"Pending", "InProgress", "Waiting", "Cancelling", "PendingApproval", "Approved", "Scheduled", "RunbookInProgress"}
)
_STARTS = 3
START = "ssm:StartAutomationExecution"
_LONGEST_WAIT_S = 2.0


class Run(Record, frozen=True, kw_only=True):
    """One execution."""

    id: str
    status: str
    failure: str
    parameters: Mapping[str, tuple[str, ...]]
    outputs: Mapping[str, str]
    steps: str
    """each step that was carried out, with its status"""

    @property
    def is_open(self) -> bool:
        return self.status in _OPEN


def run_of(calls: Calls, place: Place, ident: str) -> Run:
    found = calls.read(place, "ssm:GetAutomationExecution", AutomationExecutionId=ident)["AutomationExecution"]
    return Run(
        id=found["AutomationExecutionId"],
        status=found["AutomationExecutionStatus"],
        failure=found.get("FailureMessage", ""),
        parameters={name: tuple(values) for name, values in found.get("Parameters", {}).items()},
        outputs={name: ", ".join(values) for name, values in found.get("Outputs", {}).items()},
        steps="; ".join(f"{one['StepName']} {one['StepStatus']}" for one in found.get("StepExecutions", ())),
    )


def check_may_follow(calls: Calls, place: Place) -> None:
    """Whether the end of an execution could be seen, asked of one that is not there. Raises `ForbiddenError` if not."""
    try:
        calls.read(place, "ssm:GetAutomationExecution", AutomationExecutionId=_NO_EXECUTION)
    except NotFoundError:
        return
    raise PermanentError(f"AWS knows an automation execution {_NO_EXECUTION}, which cannot be")


def executions(calls: Calls, place: Place, document: str, *, now: datetime) -> tuple[str, ...]:
    """The ids of the executions of this document in the last day, newest first."""
    filters: list[dict[str, Any]] = [
        {"Key": "DocumentNamePrefix", "Values": [document]},
        {"Key": "StartTimeAfter", "Values": [f"{now - _LOOK_BACK:%Y-%m-%dT%H:%M:%SZ}"]},
    ]
    found = calls.pages(place, "ssm:DescribeAutomationExecutions", "AutomationExecutionMetadataList", Filters=filters)
    own = [one for one in found if one["DocumentName"] == document]
    own.sort(key=lambda one: one["ExecutionStartTime"], reverse=True)
    return tuple(one["AutomationExecutionId"] for one in own)


def token_for(text: str) -> str:
    """The client token of one effect, a UUID as AWS demands it."""
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def start(
    calls: Calls, place: Place, document: Document, parameters: Mapping[str, tuple[str, ...]], *, token: str
) -> str:
    """The id of its execution. The same token never starts a second one. Raises `OutcomeUnknownError`."""
    for left in reversed(range(_STARTS)):
        try:
            answer = calls.change(
                place,
                START,
                DocumentName=document.name,
                DocumentVersion=document.version,
                Parameters={name: list(values) for name, values in parameters.items()},
                ClientToken=token,
            )
        except OutcomeUnknownError:
            if not left:
                raise
        else:
            return str(answer["AutomationExecutionId"])
    raise AssertionError("the last attempt returns or raises")


def followed(calls: Calls, place: Place, ident: str, attempt: Attempt) -> Run:
    """Its end. Raises `UnreachableError` when the time is over."""
    wait_s = 0.1
    while (run := run_of(calls, place, ident)).is_open:
        attempt.wait(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
    return run

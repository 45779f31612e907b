"""SSM as AWS describes it, reduced to what actions decide on: documents, managed instances, commands that were sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from recoverops.model import ForbiddenError, NotFoundError, PermanentError, Record
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant

_LOOK_BACK = timedelta(days=1)
_NO_COMMAND = "00000000-0000-0000-0000-000000000000"
_MARK = "recoverops"
OPEN = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})
NEVER_RAN = frozenset({"DeliveryTimedOut", "Undeliverable", "InvalidPlatform", "AccessDenied", "DeliveryTimeout"})
"""Details of commands that ended without having run."""

LIST_COMMANDS = Grant(
    action="ssm:ListCommands",
    why="to see whether the command was sent already, by its comment: SendCommand has no idempotency token",
    no_resource="AWS has no resource-level permission for it",
    changes=False,
)
GET_INVOCATION = Grant(
    action="ssm:GetCommandInvocation",
    why="to see how the command ended, and its output",
    no_resource="AWS has no resource-level permission for it",
    changes=False,
)
DESCRIBE_MANAGED = Grant(
    action="ssm:DescribeInstanceInformation",
    why="to see whether the agent of the instance answers",
    no_resource="AWS has no resource-level permission for it",
    changes=False,
)


class Document(Record, frozen=True, kw_only=True):
    """One version of a document, by its hash: what a person approved is what runs."""

    name: str
    version: str
    hash: str


class Sent(Record, frozen=True, kw_only=True):
    """A command, as `ListCommands` knows it."""

    id: str
    comment: str
    instances: tuple[str, ...]
    status: str
    detail: str
    at: datetime


class Ended(Record, frozen=True, kw_only=True):
    """How a command stands on one instance."""

    status: str
    detail: str
    code: int
    output: str
    error: str

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def told(self) -> str:
        return f"{self.detail or self.status}, exit code {self.code}"


def document(calls: Calls, place: Place, name: str, *, kind: str, version: str | None = None) -> Document:
    """This version of it, by default the default one.

    Raises `PermanentError` when it is not there, not active, or of another kind.
    """
    try:
        pinned = {} if version is None else {"DocumentVersion": version}
        found = calls.read(place, "ssm:DescribeDocument", Name=name, **pinned)["Document"]
    except (ForbiddenError, NotFoundError):
        raise
    except PermanentError as error:
        raise PermanentError(
            f"the SSM document {name} cannot be used in {place}: {error}; those that are shipped are in deploy/aws/ssm"
        ) from error
    if found["DocumentType"] != kind or found["Status"] != "Active":
        raise PermanentError(
            f"the SSM document {name} in {place} is a {found['Status']} document of the type {found['DocumentType']}, "
            f"expected an Active one of the type {kind}"
        )
    if found.get("HashType", "Sha256") != "Sha256":
        raise PermanentError(f"the SSM document {name} in {place} has a hash of the kind {found['HashType']}")
    return Document(name=name, version=found["DocumentVersion"], hash=found["Hash"])


def check_answers(calls: Calls, place: Place, instance: str) -> str:
    """How its agent is, in words. Raises `PermanentError` when SSM does not manage it or its agent is away."""
    filters = [{"Key": "InstanceIds", "Values": [instance]}]
    found = calls.pages(place, "ssm:DescribeInstanceInformation", "InstanceInformationList", Filters=filters)
    if not found:
        raise PermanentError(f"{instance} is not managed by SSM in {place}: it needs the agent and an instance profile")
    (one,) = found
    if one["PingStatus"] != "Online":
        raise PermanentError(
            f"the SSM agent of {instance} does not answer: {one['PingStatus']}, last seen "
            f"{one['LastPingDateTime']:%Y-%m-%dT%H:%M:%SZ}"
        )
    if one["PlatformType"] != "Linux":
        raise PermanentError(f"{instance} runs {one['PlatformType']}; the documents are for Linux")
    return f"{instance} Online, agent {one.get('AgentVersion', 'unknown')}"


def check_may_look(calls: Calls, place: Place, instance: str) -> None:
    """Whether the end of a command could be seen, asked of one that is not there. Raises `ForbiddenError` if not."""
    try:
        calls.read(place, "ssm:GetCommandInvocation", CommandId=_NO_COMMAND, InstanceId=instance)
    except ForbiddenError:
        raise
    except (NotFoundError, PermanentError):
        return


def commands(calls: Calls, place: Place, document_name: str, instance: str, *, now: datetime) -> tuple[Sent, ...]:
    """Those of the last day with this document that are aimed at this instance, newest first.

    Not asked by instance: AWS lists a command under its instance only once it has arrived there.
    """
    filters = [
        {"key": "DocumentName", "value": document_name},
        {"key": "InvokedAfter", "value": f"{now - _LOOK_BACK:%Y-%m-%dT%H:%M:%SZ}"},
    ]
    found = (_sent(one) for one in calls.pages(place, "ssm:ListCommands", "Commands", Filters=filters))
    return tuple(sorted((one for one in found if instance in one.instances), key=lambda one: one.at, reverse=True))


def _sent(given: Mapping[str, Any]) -> Sent:
    return Sent(
        id=given["CommandId"],
        comment=given.get("Comment", ""),
        instances=tuple(given.get("InstanceIds", ())),
        status=given["Status"],
        detail=given.get("StatusDetails", ""),
        at=given["RequestedDateTime"],
    )


def token_of(before: Mapping[str, str]) -> str:
    """What marks an effect as that of one plan: of what it was made on, which no two planned effects share."""
    return hashlib.sha256(json.dumps(sorted(before.items())).encode()).hexdigest()[:32]


def comment_of(before: Mapping[str, str], key: str) -> str:
    """The comment of this plan's command; the key is for people. At most 100 characters."""
    return f"{mark_of(before)} {key}"[:100]


def mark_of(before: Mapping[str, str]) -> str:
    return f"{_MARK} {token_of(before)}"


def ended(calls: Calls, place: Place, command: str, instance: str) -> Ended | None:
    """None while AWS knows nothing of it there, as right after it was sent."""
    try:
        found = calls.read(place, "ssm:GetCommandInvocation", CommandId=command, InstanceId=instance)
    except NotFoundError:
        return None
    return Ended(
        status=found["Status"],
        detail=found.get("StatusDetails", ""),
        code=found["ResponseCode"],
        output=found.get("StandardOutputContent", "").strip(),
        error=found.get("StandardErrorContent", "").strip(),
    )


def kept(parameters: Mapping[str, Sequence[str]]) -> str:
    """Parameters as a text for `Plan.before`."""
    return json.dumps({name: list(values) for name, values in sorted(parameters.items())})

"""Instances whose detailed monitoring is on for a while, and until when: a tag on the instance itself says so.

So it survives a crash of RecoverOps, and whoever looks at the instance sees it. Detailed monitoring without the tag is
somebody else's, and is never switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from recoverops.model import PermanentError
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import DESCRIBE_INSTANCES, Grant
from recoverops.plugins.aws.instances import Instance

TAG = "recoverops:monitoring"
ON, OFF = "ec2:MonitorInstances", "ec2:UnmonitorInstances"
MARK, UNMARK = "ec2:CreateTags", "ec2:DeleteTags"
_FORM = "until %Y-%m-%dT%H:%M:%SZ"
_ONLY_OURS = {"ForAllValues:StringEquals": {"aws:TagKeys": TAG}}

GRANTS = (
    DESCRIBE_INSTANCES,
    Grant(action=ON, on=Kind.EC2, why="to switch detailed monitoring on"),
    Grant(action=OFF, on=Kind.EC2, why="to switch it off again"),
    Grant(action=MARK, on=Kind.EC2, condition=_ONLY_OURS, why=f"to note on the instance, in the tag {TAG}, until when"),
    Grant(action=UNMARK, on=Kind.EC2, condition=_ONLY_OURS, why=f"to remove the tag {TAG} again; no other tag"),
)


def told_of(one: Instance) -> str:
    """Its monitoring, as the compare-and-set of the action compares it."""
    return f"{one.id} {one.monitoring}{' for a while' if TAG in one.tags else ''}"


def until(one: Instance) -> datetime | None:
    """When it ends; None when the tag does not say it. Pure."""
    try:
        return datetime.strptime(one.tags.get(TAG, ""), _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None


def mark(end: datetime) -> list[dict[str, str]]:
    return [{"Key": TAG, "Value": end.strftime(_FORM)}]


def switch_on(calls: Calls, place: Place, idents: Sequence[str], *, end: datetime) -> None:
    """The tag comes first: what a crash leaves in between ends with its time."""
    calls.change(place, MARK, Resources=list(idents), Tags=mark(end))
    try:
        calls.change(place, ON, InstanceIds=list(idents))
    except PermanentError:
        calls.change(place, UNMARK, Resources=list(idents), Tags=[{"Key": TAG}])
        raise


def switch_off(calls: Calls, place: Place, idents: Sequence[str]) -> None:
    """The tag goes last."""
    calls.change(place, OFF, InstanceIds=list(idents))
    calls.change(place, UNMARK, Resources=list(idents), Tags=[{"Key": TAG}])

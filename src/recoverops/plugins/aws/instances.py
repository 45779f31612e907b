"""EC2 instances as AWS describes them, reduced to what actions decide on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recoverops.model import PermanentError, Record
from recoverops.plugins.aws.address import Address, Place
from recoverops.plugins.aws.calls import Calls

GROUP_TAG = "aws:autoscaling:groupName"
_GONE = frozenset({"terminated", "shutting-down"})


class Instance(Record, frozen=True, kw_only=True):
    id: str
    state: str
    """pending, running, stopping, stopped, shutting-down or terminated"""
    type: str
    root: str
    """`ebs`, or `instance-store`, whose contents are lost with a stop"""
    launched: str
    tags: Mapping[str, str]
    has_changing_address: bool
    """It has a public address that it loses with a stop."""
    reason: str = ""
    monitoring: str = ""
    """disabled (basic), pending, enabled (detailed) or disabling"""

    @property
    def group(self) -> str | None:
        """The Auto Scaling group that it is a member of."""
        return self.tags.get(GROUP_TAG)

    @property
    def told(self) -> str:
        return f"{self.id} {self.state} {self.type}"


def instances(calls: Calls, address: Address) -> tuple[Instance, ...]:
    """Those of the address that are not gone. Raises what `calls` raises."""
    if address.id is not None:
        return described(calls, address.place, [address.id])
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(address.tags.items())]
    pages = calls.pages(address.place, "ec2:DescribeInstances", "Reservations", Filters=filters)
    return _present(pages)


def running(calls: Calls, place: Place) -> tuple[Instance, ...]:
    """Every instance that runs there. Raises what `calls` raises."""
    filters = [{"Name": "instance-state-name", "Values": ["running"]}]
    return _present(calls.pages(place, "ec2:DescribeInstances", "Reservations", Filters=filters))


def described(calls: Calls, place: Place, idents: Iterable[str]) -> tuple[Instance, ...]:
    """These instances, as far as they are not gone. Raises `NotFoundError` for an id that AWS does not know."""
    pages = calls.pages(place, "ec2:DescribeInstances", "Reservations", InstanceIds=sorted(idents))
    return _present(pages)


def carrying(calls: Calls, place: Place, tag: str) -> tuple[Instance, ...]:
    """Those that carry a tag of this name, whatever its value."""
    filters = [{"Name": "tag-key", "Values": [tag]}]
    return _present(calls.pages(place, "ec2:DescribeInstances", "Reservations", Filters=filters))


def _present(reservations: Iterable[Mapping[str, Any]]) -> tuple[Instance, ...]:
    found = (_instance(one) for reservation in reservations for one in reservation["Instances"])
    return tuple(sorted((one for one in found if one.state not in _GONE), key=lambda one: one.id))


def _instance(given: Mapping[str, Any]) -> Instance:
    addresses = [one.get("Association", {}) for one in given.get("NetworkInterfaces", ())]
    return Instance(
        id=given["InstanceId"],
        state=given["State"]["Name"],
        type=given["InstanceType"],
        root=given.get("RootDeviceType", "ebs"),
        launched=f"{given['LaunchTime']:%Y-%m-%dT%H:%M:%SZ}",
        tags={one["Key"]: one["Value"] for one in given.get("Tags", ())},
        has_changing_address=any(one.get("IpOwnerId") == "amazon" for one in addresses),
        reason=given.get("StateReason", {}).get("Message", ""),
        monitoring=given.get("Monitoring", {}).get("State", ""),
    )


def told_of(found: Iterable[Instance]) -> str:
    """State and type of each, as the compare-and-set of actions compares them."""
    return "; ".join(one.told for one in sorted(found, key=lambda one: one.id))


def evidence_of(calls: Calls, place: Place, found: Iterable[Instance]) -> dict[str, str]:
    """What AWS knows of them right now: state, start, and its own checks. Raises what `calls` raises."""
    idents = [one.id for one in found]
    checks = calls.pages(
        place, "ec2:DescribeInstanceStatus", "InstanceStatuses", InstanceIds=idents, IncludeAllInstances=True
    )
    told = [
        f"{one['InstanceId']} system {one.get('SystemStatus', {}).get('Status', 'unknown')}, "
        f"instance {one.get('InstanceStatus', {}).get('Status', 'unknown')}"
        for one in checks
    ]
    states = [f"{one.told}, launched {one.launched}{f' ({one.reason})' if one.reason else ''}" for one in found]
    return {"instances": "; ".join(states), "checks": "; ".join(told)}


def check_may_stop(found: Iterable[Instance]) -> None:
    """Raises `PermanentError` for an instance that a stop would harm."""
    for one in found:
        if one.root == "instance-store":
            raise PermanentError(f"{one.id} has its root on an instance store: a stop would delete it")
        if one.group is not None:
            raise PermanentError(
                f"{one.id} belongs to the Auto Scaling group {one.group}, which would replace it when it stops; aim at "
                "the group instead"
            )

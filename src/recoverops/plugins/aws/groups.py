"""Auto Scaling groups as AWS describes them, and how much of one an action would take out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recoverops.model import PermanentError, Record
from recoverops.plugins.aws.address import Address, Place
from recoverops.plugins.aws.calls import Calls

_CALL = "autoscaling:DescribeAutoScalingGroups"


class Member(Record, frozen=True, kw_only=True):
    id: str
    is_healthy: bool
    """in service, and healthy in the group's own eyes"""
    told: str
    is_in_service: bool = True


class Group(Record, frozen=True, kw_only=True):
    name: str
    smallest: int
    largest: int
    desired: int
    members: tuple[Member, ...]
    tags: Mapping[str, str]
    target_groups: tuple[str, ...] = ()
    """the ARNs of the load balancers' target groups that its members are in"""

    @property
    def healthy(self) -> frozenset[str]:
        return frozenset(one.id for one in self.members if one.is_healthy)

    @property
    def told(self) -> str:
        return f"desired {self.desired} of {self.smallest}..{self.largest}"


def groups(calls: Calls, address: Address) -> tuple[Group, ...]:
    """Those of the address. Raises what `calls` raises."""
    if address.id is not None:
        found = calls.pages(address.place, _CALL, "AutoScalingGroups", AutoScalingGroupNames=[address.id])
    else:
        filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(address.tags.items())]
        found = calls.pages(address.place, _CALL, "AutoScalingGroups", Filters=filters)
    return tuple(_group(one) for one in found)


def group_called(calls: Calls, place: Place, name: str) -> Group:
    """Raises `PermanentError` when it is gone."""
    found = calls.pages(place, _CALL, "AutoScalingGroups", AutoScalingGroupNames=[name])
    if not found:
        raise PermanentError(f"there is no Auto Scaling group {name} in {place}")
    return _group(found[0])


def _group(given: Mapping[str, Any]) -> Group:
    return Group(
        name=given["AutoScalingGroupName"],
        smallest=given["MinSize"],
        largest=given["MaxSize"],
        desired=given["DesiredCapacity"],
        members=tuple(
            Member(
                id=one["InstanceId"],
                is_healthy=one["LifecycleState"] == "InService" and one["HealthStatus"].lower() == "healthy",
                told=f"{one['InstanceId']} {one['LifecycleState']} {one['HealthStatus']}",
                is_in_service=one["LifecycleState"] == "InService",
            )
            for one in given.get("Instances", ())
        ),
        tags={one["Key"]: one["Value"] for one in given.get("Tags", ())},
        target_groups=tuple(given.get("TargetGroupARNs", ())),
    )


def check_share(group: Group, taken: Iterable[str], *, largest_share: float) -> str:
    """How much of the group goes, in words. Pure. Raises `PermanentError` when it is too much, or the last one."""
    healthy, gone = group.healthy, group.healthy & frozenset(taken)
    told = f"{len(gone)} of {len(healthy)} healthy members of the Auto Scaling group {group.name}"
    if gone and gone == healthy:
        raise PermanentError(f"{told} would be taken out at once; nobody healthy would be left")
    if gone and len(gone) / len(healthy) > largest_share:
        raise PermanentError(
            f"{told} would be taken out at once, allowed is a share of {largest_share:.0%} (max_share_of_group)"
        )
    return told

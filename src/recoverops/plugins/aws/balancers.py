"""Target groups of load balancers as AWS describes them, and how much of one an action would take out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from recoverops.model import PermanentError, Record
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant

_HEALTH = "elasticloadbalancing:DescribeTargetHealth"
_MOST_GROUPS = 100
_NONE = "AWS has no resource-level permission for it"
_GROUPS, TAGS = "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTags"
DESCRIBE_HEALTH = Grant(
    action=_HEALTH, why="to see what the load balancers say of the targets' health", no_resource=_NONE, changes=False
)
DESCRIBE_TARGET_GROUPS = Grant(
    action=_GROUPS, why="to find target groups and what they take", no_resource=_NONE, changes=False
)
DESCRIBE_TAGS = Grant(action=TAGS, why="to see the tags, which say what is in scope", no_resource=_NONE, changes=False)


class Target(Record, frozen=True, kw_only=True):
    id: str
    port: int | None
    """None for a Lambda function"""
    zone: str
    """only where it was given at the registration"""
    state: str
    """initial, healthy, unhealthy, draining, unused, unavailable"""

    @property
    def told(self) -> str:
        return f"{self.id}{f':{self.port}' if self.port else ''} {self.state}"


class TargetGroup(Record, frozen=True, kw_only=True):
    arn: str
    name: str
    takes: str
    """instance, ip, lambda or alb"""


def target_group_called(calls: Calls, place: Place, name: str) -> TargetGroup:
    """Raises `NotFoundError` when it is not there."""
    (found,) = calls.read(place, _GROUPS, Names=[name])["TargetGroups"]
    return TargetGroup(arn=found["TargetGroupArn"], name=name, takes=found.get("TargetType", "instance"))


def tags_of(calls: Calls, place: Place, arn: str) -> Mapping[str, str]:
    """Of anything that belongs to Elastic Load Balancing."""
    (found,) = calls.read(place, TAGS, ResourceArns=[arn])["TagDescriptions"]
    return {one["Key"]: one["Value"] for one in found["Tags"]}


def name_of(target_group: str) -> str:
    """The name in the ARN of a target group."""
    return target_group.split("/")[1]


def targets(calls: Calls, place: Place, target_group: str) -> tuple[Target, ...]:
    """All that are registered there. Raises what `calls` raises."""
    found = calls.read(place, _HEALTH, TargetGroupArn=target_group)["TargetHealthDescriptions"]
    return tuple(
        Target(
            id=one["Target"]["Id"],
            port=one["Target"].get("Port"),
            zone=one["Target"].get("AvailabilityZone", ""),
            state=one["TargetHealth"]["State"],
        )
        for one in found
    )


def check_targets(target_group: str, found: Iterable[Target], taken: Iterable[str], *, largest_share: float) -> str:
    """How much of a target group goes, in words. Pure. Raises `PermanentError` when it is too much, or the last one."""
    known, gone_ids = tuple(found), frozenset(taken)
    healthy = [one for one in known if one.state == "healthy"]
    gone = [one for one in healthy if one.id in gone_ids]
    told = f"{len(gone)} of {len(healthy)} healthy targets of {name_of(target_group)}"
    if any(one.id in gone_ids for one in known) and len(gone) == len(healthy):
        raise PermanentError(f"{told} would be taken out; nobody healthy would be left behind the load balancer")
    if gone and len(gone) / len(healthy) > largest_share:
        raise PermanentError(
            f"{told} would be taken out at once, allowed is a share of {largest_share:.0%} (max_share_of_group)"
        )
    return told


def check_behind(calls: Calls, place: Place, idents: Iterable[str], *, largest_share: float) -> list[str]:
    """How much of each target group goes with these instances, in words; one look at each target group of instances.

    Raises `PermanentError` when it is too much or the last healthy one, and when there are too many groups to look at.
    """
    taken = frozenset(idents)
    known = calls.pages(place, _GROUPS, "TargetGroups")
    arns = [one["TargetGroupArn"] for one in known if one.get("TargetType", "instance") == "instance"]
    if len(arns) > _MOST_GROUPS:
        raise PermanentError(
            f"{place} has {len(arns)} target groups of instances, more than the {_MOST_GROUPS} that are looked at; "
            "with bounds.look_behind_balancers off none is, and a last healthy target may go"
        )
    told = []
    for arn in arns:
        found = targets(calls, place, arn)
        if any(one.id in taken for one in found):
            told.append(check_targets(arn, found, taken, largest_share=largest_share))
    return told

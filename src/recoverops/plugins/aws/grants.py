"""The IAM permissions of sources and actions, as data: each says what it needs, on what, and why.

A grant without a resource needs a reason: AWS has no resource-level permission for that API. `policy.py` makes the
smallest policy of the grants of what is enabled.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import Record
from recoverops.plugins.aws.address import Kind

ARNS: Mapping[Kind, str] = {
    Kind.EC2: "arn:{partition}:ec2:{region}:{account}:instance/{id}",
    Kind.ASG: "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{id}",
    Kind.ECS: "arn:{partition}:ecs:{region}:{account}:service/{id}",
    Kind.LAMBDA: "arn:{partition}:lambda:{region}:{account}:function:{id}",
    Kind.RDS: "arn:{partition}:rds:{region}:{account}:db:{id}",
    Kind.ELB_TARGET: "arn:{partition}:elasticloadbalancing:{region}:{account}:targetgroup/{id}/*",
    Kind.ELB_LISTENER: "arn:{partition}:elasticloadbalancing:{region}:{account}:listener/{id}",
    Kind.ELB_RULE: "arn:{partition}:elasticloadbalancing:{region}:{account}:listener-rule/{id}",
    Kind.EBS: "arn:{partition}:ec2:{region}:{account}:volume/{id}",
    Kind.EIP: "arn:{partition}:ec2:{region}:{account}:elastic-ip/{id}",
    Kind.SG_RULE: "arn:{partition}:ec2:{region}:{account}:security-group/{id}",
    Kind.IAM_KEY: "arn:{partition}:iam::{account}:user/{id}",
}
"""How the resources of a kind are called. `{id}` is the id of an address, or `*` where tags choose."""


class Grant(Record, frozen=True, kw_only=True):
    """One right."""

    action: str
    """`ec2:RebootInstances`"""
    why: str
    on: Kind | None = None
    """The resources of the services' addresses of this kind. None and no `arn`: it knows none; see `no_resource`."""
    arn: str = ""
    """Resources that no address names: `arn:{partition}:ec2:{region}::snapshot/*`, or exactly one of some account."""
    account: str = ""
    """Only for this account (its name in the settings); empty: for every one that it applies to."""
    no_resource: str = ""
    """Why it has to be `Resource: "*"`."""
    condition: Mapping[str, Mapping[str, str]] = {}
    """Operator -> condition key -> value, beside those of the tags of addresses."""
    tag_key: str = "aws:ResourceTag"
    """The condition key of a resource's tags, where a service has one of its own."""
    changes: bool = True
    """Whether the call may change something; only then the tags of `only_tagged` are demanded of its resource."""


_NONE = "AWS has no resource-level permission for it"

DESCRIBE_INSTANCES = Grant(
    action="ec2:DescribeInstances",
    why="to find the instances and see their state, type and tags",
    no_resource=_NONE,
    changes=False,
)
DESCRIBE_STATUS = Grant(
    action="ec2:DescribeInstanceStatus",
    why="to keep the results of AWS's own checks as evidence before acting",
    no_resource=_NONE,
    changes=False,
)
DESCRIBE_GROUPS = Grant(
    action="autoscaling:DescribeAutoScalingGroups",
    why="to see a group's bounds and members, and how many of them an action would take out",
    no_resource=_NONE,
    changes=False,
)
DESCRIBE_ECS = Grant(
    action="ecs:DescribeServices",
    why="to see the service's deployments, task definition and events",
    on=Kind.ECS,
    changes=False,
)
FIND_BY_TAGS = Grant(
    action="tag:GetResources",
    why="to find the resources that an address names by tags",
    no_resource=_NONE,
    changes=False,
)

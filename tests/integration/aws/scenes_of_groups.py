"""The scenes of the actions on members of Auto Scaling groups, and on the monitoring of instances."""

from __future__ import annotations

from typing import Any

from tests.integration.aws.conftest import group, instance
from tests.integration.aws.scene import Scene, unique_tags
from tests.integration.aws.scenes_of_balancers import target_group

from recoverops.testing.aws import Aws


def terminate_scene(aws: Aws) -> Scene:
    """A group of three behind a target group; the group calls one of them unhealthy."""
    tags, scaling = unique_tags(), aws.admin("autoscaling")
    name = f"group-of-{tags['service']}"
    group(aws, name, desired=3, most=3, tags=tags)
    scaling.attach_load_balancer_target_groups(
        AutoScalingGroupName=name, TargetGroupARNs=[target_group(aws, tags["service"], tags={})]
    )

    def members() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
            "AutoScalingGroups"
        ][0]["Instances"]
        return sorted(found, key=lambda one: str(one["InstanceId"]))

    def one_sick() -> None:
        known = members()
        if all(one["HealthStatus"] == "Healthy" for one in known):
            scaling.set_instance_health(InstanceId=known[0]["InstanceId"], HealthStatus="Unhealthy")

    return Scene(
        address=f"asg id={name}",
        by_tags=f"asg tag:service={tags['service']}",
        break_it=one_sick,
        snapshot=lambda: [(one["InstanceId"], one["HealthStatus"]) for one in members()],
        tamper=lambda: None,
        arguments={},
    )


def refresh_scene(aws: Aws) -> Scene:
    """A group of three, no refresh under way."""
    tags, scaling = unique_tags(), aws.admin("autoscaling")
    name = f"group-of-{tags['service']}"
    group(aws, name, desired=3, most=3, tags=tags)

    def known() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = scaling.describe_instance_refreshes(AutoScalingGroupName=name)[
            "InstanceRefreshes"
        ]
        return found

    def over() -> None:
        if any(one["Status"] == "Pending" for one in known()):
            scaling.cancel_instance_refresh(AutoScalingGroupName=name)

    return Scene(
        address=f"asg id={name}",
        by_tags=f"asg tag:service={tags['service']}",
        break_it=over,
        snapshot=lambda: [one["InstanceRefreshId"] for one in known()],
        tamper=lambda: None,
        arguments={},
    )


def monitoring_scene(aws: Aws) -> Scene:
    """An instance with basic monitoring."""
    tags, ec2 = unique_tags(), aws.admin("ec2")
    ident = instance(aws, tags=tags)

    def told() -> tuple[str, list[str]]:
        found = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
        return found["Monitoring"]["State"], sorted(one["Key"] for one in found["Tags"])

    def basic() -> None:
        ec2.unmonitor_instances(InstanceIds=[ident])
        ec2.delete_tags(Resources=[ident], Tags=[{"Key": "recoverops:monitoring"}])

    return Scene(
        address=f"ec2 id={ident}",
        by_tags=f"ec2 tag:service={tags['service']}",
        break_it=basic,
        snapshot=told,
        tamper=lambda: ec2.delete_tags(Resources=[ident], Tags=[{"Key": "recoverops:monitoring"}]),
        arguments={},
    )

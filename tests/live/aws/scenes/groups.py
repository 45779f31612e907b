"""Scenes of the actions on Auto Scaling groups. AWS itself empties the group when the run's time is over."""

from __future__ import annotations

from typing import Any

from tests.live.aws.acting import Act, acted
from tests.live.aws.ground import expiry_of
from tests.live.aws.machines import described, firewall, subnet
from tests.live.aws.prices import machine
from tests.live.aws.scene import Scene
from tests.live.aws.stage import Stage


def _group(stage: Stage, *, desired: int, most: int) -> str:
    """A group whose members are all in service."""
    scaling, name = stage.client("autoscaling"), stage.called()
    template = stage.client("ec2").create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={
            **described(stage, group=firewall(stage)),
            "TagSpecifications": stage.specified("instance", "volume"),
        },
        TagSpecifications=stage.specified("launch-template"),
    )["LaunchTemplate"]["LaunchTemplateId"]
    stage.kept("launch template", template)
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        MinSize=1,
        MaxSize=most,
        DesiredCapacity=desired,
        VPCZoneIdentifier=subnet(stage)["SubnetId"],
        Tags=[{**one, "PropagateAtLaunch": True} for one in stage.listed],
    )
    stage.kept("Auto Scaling group", name)
    scaling.put_scheduled_update_group_action(
        AutoScalingGroupName=name,
        ScheduledActionName="the-end-of-the-run",
        StartTime=expiry_of(stage.ground.run),
        MinSize=0,
        MaxSize=0,
        DesiredCapacity=0,
    )
    stage.ground.until("that the members are in service", lambda: len(_members(stage, name)) == desired)
    return name


def _told(stage: Stage, name: str) -> dict[str, Any]:
    found: dict[str, Any] = stage.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ][0]
    return found


def _members(stage: Stage, name: str) -> list[str]:
    """Those in service."""
    members = _told(stage, name)["Instances"]
    return sorted(one["InstanceId"] for one in members if one["LifecycleState"] == "InService")


def _scale(stage: Stage) -> None:
    name = _group(stage, desired=1, most=2)
    acted(
        stage,
        Act(
            action="asg-scale",
            address=f"asg id={name}",
            arguments={"count_delta": "+1"},
            eyes=lambda: _told(stage, name)["DesiredCapacity"],
        ),
    )


def _terminate(stage: Stage) -> None:
    """A member that AWS calls healthy, by its name."""
    name = _group(stage, desired=2, most=2)
    member = _members(stage, name)[0]
    acted(
        stage,
        Act(
            action="ec2-terminate",
            address=f"asg id={name}",
            arguments={"instance": member, "evidence": "ours"},
            eyes=lambda: member in _members(stage, name),
            settings={"max_share_of_group": 0.5},
        ),
    )


def _refresh(stage: Stage) -> None:
    """Started and not waited for; the clean-up ends the group in the middle of it."""
    scaling, name = stage.client("autoscaling"), _group(stage, desired=1, most=2)

    def eyes() -> object:
        found = scaling.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"]
        return [one["InstanceRefreshId"] for one in found]

    settings = {"bounds": {"refresh_min_healthy": 100}}
    acted(stage, Act(action="asg-refresh", address=f"asg id={name}", eyes=eyes, settings=settings))


GROUPS = (
    Scene(name="asg-scale", uses=machine(count=2), play=_scale),
    Scene(name="ec2-terminate", uses=machine(count=3), play=_terminate),
    Scene(name="asg-refresh", uses=machine(count=2), play=_refresh),
)

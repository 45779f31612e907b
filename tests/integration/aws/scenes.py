"""For each action: a service on a resource of its own, and the hands and eyes of a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.integration.aws import security_scenes as security
from tests.integration.aws import waste_scenes as waste
from tests.integration.aws.conftest import ecs_service, group, instance
from tests.integration.aws.scene import Scene, unique_tags
from tests.integration.aws.scenes_of_balancers import balanced, target_scene, weights_scene
from tests.integration.aws.scenes_of_data import class_scene, failover_scene, storage_scene, volume_scene
from tests.integration.aws.scenes_of_functions import alias_scene, concurrency_scene
from tests.integration.aws.scenes_of_groups import monitoring_scene, refresh_scene, terminate_scene
from tests.integration.aws.ssm_scenes import automation_scene, clean_scene, restart_scene, roll_scene, run_scene

from recoverops.testing.aws import Aws


def power_scene(aws: Aws, *, is_running: bool, arguments: Mapping[str, str]) -> Scene:
    tags, ec2 = unique_tags(), aws.admin("ec2")
    ident = instance(aws, tags=tags)
    balanced(aws, tags["service"], ident)

    def told() -> dict[str, Any]:
        found: dict[str, Any] = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
        return found

    def as_at_first() -> None:
        ec2.stop_instances(InstanceIds=[ident])
        ec2.modify_instance_attribute(InstanceId=ident, InstanceType={"Value": "t3.micro"})
        if is_running:
            ec2.start_instances(InstanceIds=[ident])

    def another_type() -> None:
        was_running = told()["State"]["Name"] == "running"
        ec2.stop_instances(InstanceIds=[ident])
        ec2.modify_instance_attribute(InstanceId=ident, InstanceType={"Value": "t3.2xlarge"})
        if was_running:
            ec2.start_instances(InstanceIds=[ident])

    return Scene(
        address=f"ec2 id={ident}",
        by_tags=f"ec2 tag:service={tags['service']}",
        break_it=as_at_first,
        snapshot=lambda: (told()["State"]["Name"], told()["InstanceType"], told()["Tags"]),
        tamper=another_type,
        arguments=arguments,
    )


def reboot_scene(aws: Aws) -> Scene:
    """A member of an Auto Scaling group of three."""
    tags, ec2, scaling = unique_tags(), aws.admin("ec2"), aws.admin("autoscaling")
    name = f"group-of-{tags['service']}"
    group(aws, name, desired=3, most=3, tags={})
    members = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]["Instances"]
    ident = members[0]["InstanceId"]
    balanced(aws, tags["service"], ident)
    ec2.create_tags(Resources=[ident], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])

    def told() -> object:
        found = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
        return found["State"]["Name"], found["Tags"]

    return Scene(
        address=f"ec2 id={ident}",
        by_tags=f"ec2 tag:service={tags['service']}",
        break_it=lambda: None,
        snapshot=told,
        tamper=lambda: None,
        arguments={},
    )


def asg_scene(aws: Aws) -> Scene:
    tags, scaling = unique_tags(), aws.admin("autoscaling")
    name = f"group-of-{tags['service']}"
    group(aws, name, desired=2, most=6, tags=tags)

    def desired() -> int:
        found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
        return int(found["DesiredCapacity"])

    return Scene(
        address=f"asg id={name}",
        by_tags=f"asg tag:service={tags['service']}",
        break_it=lambda: scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2),
        snapshot=desired,
        tamper=lambda: scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=5),
        arguments={"count_delta": "+1"},
    )


def ecs_scene(aws: Aws) -> Scene:
    tags, ecs = unique_tags(), aws.admin("ecs")
    ident = f"shop/{tags['service']}"
    ecs_service(aws, ident, revisions=3, tags=tags)
    name = ident.partition("/")[2]

    def told() -> object:
        found = ecs.describe_services(cluster="shop", services=[name])["services"][0]
        return found["taskDefinition"].rpartition("/")[2], [one["id"] for one in found["deployments"]]

    def run(number: int) -> None:
        ecs.update_service(cluster="shop", service=name, taskDefinition=f"{name}:{number}")

    return Scene(
        address=f"ecs id={ident}",
        by_tags=f"ecs tag:service={tags['service']}",
        break_it=lambda: run(3),
        snapshot=told,
        tamper=lambda: run(1),
        arguments={},
    )


def ecs_scale_scene(aws: Aws) -> Scene:
    tags, ecs = unique_tags(), aws.admin("ecs")
    name = tags["service"]
    ecs_service(aws, f"shop/{name}", revisions=1, tags=tags)

    def count(wanted: int) -> None:
        ecs.update_service(cluster="shop", service=name, desiredCount=wanted)

    return Scene(
        address=f"ecs id=shop/{name}",
        by_tags=f"ecs tag:service={name}",
        break_it=lambda: count(2),
        snapshot=lambda: ecs.describe_services(cluster="shop", services=[name])["services"][0]["desiredCount"],
        tamper=lambda: count(5),
        arguments={"count_delta": "+1"},
    )


SCENES: dict[str, Callable[[Aws], Scene]] = {
    "ec2-reboot": reboot_scene,
    "ec2-stop": lambda aws: power_scene(aws, is_running=True, arguments={}),
    "ec2-start": lambda aws: power_scene(aws, is_running=False, arguments={}),
    "ec2-resize": lambda aws: power_scene(aws, is_running=True, arguments={"type": "t3.large"}),
    "ec2-terminate": terminate_scene,
    "ec2-monitoring": monitoring_scene,
    "asg-scale": asg_scene,
    "asg-refresh": refresh_scene,
    "ecs-redeploy": ecs_scene,
    "ecs-rollback": ecs_scene,
    "ecs-scale": ecs_scale_scene,
    "elb-target-out": target_scene,
    "elb-shift-weights": lambda aws: weights_scene(aws, of_rule=False),
    "elb-shift-rule-weights": lambda aws: weights_scene(aws, of_rule=True),
    "lambda-rollback": alias_scene,
    "lambda-concurrency": concurrency_scene,
    "rds-failover": failover_scene,
    "rds-storage": storage_scene,
    "rds-class": class_scene,
    "sg-close-ingress": security.ingress_scene,
    "iam-key-deactivate": security.key_scene,
    "ec2-isolate": security.isolate_scene,
    "ebs-grow": lambda aws: volume_scene(aws, arguments={"percent": "20"}),
    "ebs-snapshot": lambda aws: volume_scene(aws, arguments={}),
    "ssm-restart-service": restart_scene,
    "ssm-clean-disk": clean_scene,
    "ssm-run-say": run_scene,
    "ssm-automation-resize": automation_scene,
    "ssm-automation-roll": roll_scene,
    "emergency-shutdown": waste.shutdown_scene,
    "ebs-delete-unattached": waste.volume_scene,
    "eip-release": waste.address_scene,
}

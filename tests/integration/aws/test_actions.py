"""Every action keeps the contract of actions, against the double of AWS with policies judged."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop, ecs_service, group, instance, service

from recoverops.model import EffectClass
from recoverops.testing import Undoing, check_action
from recoverops.testing.aws import Aws, Key

_NUMBERS = itertools.count(1)


@dataclass(kw_only=True)
class Scene:
    """One service on its own resource, and the hands and eyes of the kit."""

    address: str
    break_it: Callable[[], object]
    snapshot: Callable[[], object]
    tamper: Callable[[], object]
    arguments: Mapping[str, str]


def power_scene(aws: Aws, *, is_running: bool, arguments: Mapping[str, str]) -> Scene:
    ident, ec2 = instance(aws, tags={"service": "checkout"}), aws.admin("ec2")

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
        break_it=as_at_first,
        snapshot=lambda: (told()["State"]["Name"], told()["InstanceType"], told()["Tags"]),
        tamper=another_type,
        arguments=arguments,
    )


def reboot_scene(aws: Aws) -> Scene:
    scene = power_scene(aws, is_running=True, arguments={})
    scene.break_it = lambda: None
    return scene


def asg_scene(aws: Aws) -> Scene:
    name, scaling = f"web-{next(_NUMBERS)}", aws.admin("autoscaling")
    group(aws, name, desired=2, most=6, tags={"service": "checkout"})

    def desired() -> int:
        found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
        return int(found["DesiredCapacity"])

    return Scene(
        address=f"asg id={name}",
        break_it=lambda: scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2),
        snapshot=desired,
        tamper=lambda: scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=5),
        arguments={"count_delta": "+1"},
    )


def ecs_scene(aws: Aws) -> Scene:
    ident, ecs = f"shop/checkout-{next(_NUMBERS)}", aws.admin("ecs")
    ecs_service(aws, ident, revisions=3, tags={"service": "checkout"})
    name = ident.partition("/")[2]

    def told() -> object:
        found = ecs.describe_services(cluster="shop", services=[name])["services"][0]
        return found["taskDefinition"].rpartition("/")[2], [one["id"] for one in found["deployments"]]

    def run(number: int) -> None:
        ecs.update_service(cluster="shop", service=name, taskDefinition=f"{name}:{number}")

    return Scene(
        address=f"ecs id={ident}",
        break_it=lambda: run(3),
        snapshot=told,
        tamper=lambda: run(1),
        arguments={},
    )


SCENES: dict[str, Callable[[Aws], Scene]] = {
    "ec2-reboot": reboot_scene,
    "ec2-stop": lambda aws: power_scene(aws, is_running=True, arguments={}),
    "ec2-start": lambda aws: power_scene(aws, is_running=False, arguments={}),
    "ec2-resize": lambda aws: power_scene(aws, is_running=True, arguments={"type": "t3.large"}),
    "asg-scale": asg_scene,
    "ecs-redeploy": ecs_scene,
    "ecs-rollback": ecs_scene,
}


@pytest.fixture(params=SCENES)
def named(request: pytest.FixtureRequest) -> Iterator[str]:
    yield str(request.param)


def test_an_action_keeps_the_contract_of_actions(aws: Aws, root: Key, named: str) -> None:
    scene = SCENES[named](aws)
    scene.break_it()
    checkout = service("checkout", scene.address)
    shop = Shop(aws=aws, services={"checkout": checkout}, settings={})
    action = shop.action(named, root)
    is_reversible = action.effect is EffectClass.REVERSIBLE
    check_action(
        action,
        checkout,
        scene.arguments,
        break_it=scene.break_it,
        snapshot=scene.snapshot,
        cut_off=aws.faults.cut_off,
        undoing=Undoing(restored=scene.snapshot, tamper=scene.tamper) if is_reversible else None,
    )

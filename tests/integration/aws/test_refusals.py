"""What the actions on groups and load balancers refuse, because nobody healthy would be left."""

from __future__ import annotations

import pytest
from tests.integration.aws.conftest import Shop, service
from tests.integration.aws.scenes import SCENES

from recoverops.model import PermanentError, Service
from recoverops.ports import Action
from recoverops.testing.aws import Aws, Key
from recoverops.testing.aws.health import call_unhealthy


def aimed(aws: Aws, root: Key, named: str, address: str) -> tuple[Action, Service]:
    checkout = service("checkout", address)
    return Shop(aws=aws, services={"checkout": checkout}, settings={}).action(named, root), checkout


def test_the_last_healthy_target_stays_and_so_does_more_than_the_allowed_share(aws: Aws, root: Key) -> None:
    scene = SCENES["elb-target-out"](aws)
    name = scene.address.split("=")[1].partition("/")[0]
    arn = aws.admin("elbv2").describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]
    action, checkout = aimed(aws, root, "elb-target-out", f"elb-target id={name}/10.0.0.12")
    assert "1 of 2 healthy targets" in action.plan(checkout, {}).summary
    call_unhealthy(arn, "10.0.0.13")
    with pytest.raises(PermanentError, match=r"1 of 1 healthy targets .* nobody healthy would be left behind"):
        action.plan(checkout, {})


@pytest.mark.parametrize("named", ["ec2-stop", "ec2-resize", "ec2-reboot"])
def test_an_instance_that_is_the_last_healthy_target_is_not_taken(aws: Aws, root: Key, named: str) -> None:
    scene = SCENES[named](aws)
    ident = scene.address.removeprefix("ec2 id=")
    action, checkout = aimed(aws, root, named, scene.address)
    assert "1 of 3 healthy targets of checkout-" in action.plan(checkout, scene.arguments).summary
    (found,) = aws.admin("elbv2").describe_target_groups()["TargetGroups"]
    for one in aws.admin("elbv2").describe_target_health(TargetGroupArn=found["TargetGroupArn"])[
        "TargetHealthDescriptions"
    ]:
        if one["Target"]["Id"] != ident:
            call_unhealthy(found["TargetGroupArn"], one["Target"]["Id"])
    with pytest.raises(PermanentError, match=r"1 of 1 healthy targets .* nobody healthy would be left behind"):
        action.plan(checkout, scene.arguments)
    blind = Shop(aws=aws, services={"checkout": checkout}, settings={}).action(
        named, root, bounds={"look_behind_balancers": False}
    )
    assert "healthy targets" not in blind.plan(checkout, scene.arguments).summary
    assert not any("elasticloadbalancing" in one.right for one in blind.permissions)


def test_a_target_group_with_several_unhealthy_targets_names_them_and_chooses_none(aws: Aws, root: Key) -> None:
    scene = SCENES["elb-target-out"](aws)
    name = scene.address.split("=")[1].partition("/")[0]
    arn = aws.admin("elbv2").describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]
    call_unhealthy(arn, "10.0.0.12")
    action, checkout = aimed(aws, root, "elb-target-out", f"elb-target tag:service={name}")
    with pytest.raises(PermanentError, match=r"2 targets are unhealthy .* 10\.0\.0\.11:8080 unhealthy"):
        action.plan(checkout, {})


def test_requests_are_not_shifted_to_where_nobody_is_healthy(aws: Aws, root: Key) -> None:
    scene = SCENES["elb-shift-weights"](aws)
    green = scene.arguments["to"]
    arn = aws.admin("elbv2").describe_target_groups(Names=[green])["TargetGroups"][0]["TargetGroupArn"]
    call_unhealthy(arn, "10.0.0.21")
    action, checkout = aimed(aws, root, "elb-shift-weights", scene.address)
    with pytest.raises(PermanentError, match=f"{green}/.* would get more requests, and has no healthy target"):
        action.plan(checkout, scene.arguments)


def test_a_member_that_aws_calls_healthy_is_ended_by_name_and_on_evidence_of_our_own_only(aws: Aws, root: Key) -> None:
    scene = SCENES["ec2-terminate"](aws)
    ident = next(one for one, health in scene.snapshot() if health == "Healthy")  # type: ignore[attr-defined]
    action, checkout = aimed(aws, root, "ec2-terminate", scene.address)
    with pytest.raises(PermanentError, match="has 0 members that AWS calls sick"):
        action.plan(checkout, {})
    with pytest.raises(PermanentError, match=f"AWS calls {ident} healthy"):
        action.plan(checkout, {"instance": ident})
    with pytest.raises(PermanentError, match="is no member in service"):
        action.plan(checkout, {"instance": "i-0123456789abcdef0"})
    told = action.plan(checkout, {"instance": ident, "evidence": "ours"}).summary
    assert "AWS calls it healthy; the evidence is RecoverOps' own; 1 of 3 healthy members" in told


def test_a_member_is_sick_as_well_when_only_the_load_balancer_says_so(aws: Aws, root: Key) -> None:
    scene = SCENES["ec2-terminate"](aws)
    ident = scene.snapshot()[0][0]  # type: ignore[index]
    name = scene.address.removeprefix("asg id=")
    (found,) = aws.admin("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    call_unhealthy(found["TargetGroupARNs"][0], ident)
    action, checkout = aimed(aws, root, "ec2-terminate", scene.address)
    assert action.plan(checkout, {}).before["instance"] == ident


def test_a_group_is_not_refreshed_twice_at_once(aws: Aws, root: Key) -> None:
    scene = SCENES["asg-refresh"](aws)
    action, checkout = aimed(aws, root, "asg-refresh", scene.address)
    action.execute(action.plan(checkout, {}), checkout, idempotency_key="run:1")
    with pytest.raises(PermanentError, match=r"refresh .* is Pending, 0 % already"):
        action.plan(checkout, {})

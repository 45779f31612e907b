"""Scenes of the actions on load balancers: an internal one that nobody calls, before two instances that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from tests.live.aws.acting import Act, acted
from tests.live.aws.machines import firewall, launched, network, subnet
from tests.live.aws.prices import Use, machine
from tests.live.aws.scene import Scene
from tests.live.aws.stage import Stage

_USES = (*machine(count=2), Use(what="load balancer"))
_HEALTHY = timedelta(minutes=10)


def _short(stage: Stage, what: str) -> str:
    """Names are 32 characters at most here."""
    return f"rol-{stage.ground.run}-{what}"


def _target_group(stage: Stage, what: str, targets: Sequence[str]) -> str:
    """Its ARN. A target leaves after five seconds, since nobody is connected."""
    balancing = stage.client("elbv2")
    made = balancing.create_target_group(
        Name=_short(stage, what),
        Protocol="HTTP",
        Port=80,
        VpcId=network(stage),
        TargetType="instance",
        HealthCheckIntervalSeconds=10,
        HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=2,
        Tags=stage.listed,
    )
    arn = stage.kept("target group", made["TargetGroups"][0]["TargetGroupArn"])
    soon = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
    balancing.modify_target_group_attributes(TargetGroupArn=arn, Attributes=soon)
    balancing.register_targets(TargetGroupArn=arn, Targets=[{"Id": one} for one in targets])
    return arn


def _instances(stage: Stage, front: str) -> list[str]:
    """Two that let the load balancer in, and nobody else."""
    back = firewall(stage, "back")
    stage.client("ec2").authorize_security_group_ingress(
        GroupId=back,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": front}]}],
    )
    return launched(stage, count=2, group=back)


def _listener(stage: Stage, front: str, actions: list[dict[str, Any]]) -> str:
    """The ARN of a listener of a new internal load balancer."""
    balancing, ours = stage.client("elbv2"), subnet(stage)
    by_vpc = [{"Name": "vpc-id", "Values": [network(stage)]}]
    others = stage.client("ec2").describe_subnets(Filters=by_vpc)["Subnets"]
    other = next(one for one in others if one["AvailabilityZone"] != ours["AvailabilityZone"])
    made = balancing.create_load_balancer(
        Name=_short(stage, "lb"),
        Scheme="internal",
        Type="application",
        Subnets=[ours["SubnetId"], other["SubnetId"]],
        SecurityGroups=[front],
        Tags=stage.listed,
    )
    arn = stage.kept("load balancer", made["LoadBalancers"][0]["LoadBalancerArn"])
    listener: str = balancing.create_listener(
        LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=actions, Tags=stage.listed
    )["Listeners"][0]["ListenerArn"]
    return listener


def _health(stage: Stage, group: str) -> list[str]:
    """Of the targets that the group has, those on their way out left out."""
    found = stage.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sorted(one["TargetHealth"]["State"] for one in found if one["TargetHealth"]["State"] != "draining")


def _are_healthy(stage: Stage, *groups: str) -> None:
    def all_are() -> bool:
        return all(set(_health(stage, one)) == {"healthy"} for one in groups)

    stage.ground.until("that the targets are healthy", all_are, within=_HEALTHY)


def _target_out(stage: Stage) -> None:
    front = firewall(stage, "front")
    targets = _instances(stage, front)
    group = _target_group(stage, "tg", targets)
    _listener(stage, front, [{"Type": "forward", "TargetGroupArn": group}])
    _are_healthy(stage, group)
    acted(
        stage,
        Act(
            action="elb-target-out",
            address=f"elb-target id={_short(stage, 'tg')}/{targets[0]}",
            eyes=lambda: len(_health(stage, group)),
            settings={"max_share_of_group": 0.5},
        ),
    )


def _weights(stage: Stage, *, of_rule: bool) -> None:
    """From nine tenths for blue to all for green."""
    balancing, front = stage.client("elbv2"), firewall(stage, "front")
    blue, green = (
        _target_group(stage, colour, [one])
        for colour, one in zip(("blue", "green"), _instances(stage, front), strict=True)
    )
    shares = [{"TargetGroupArn": blue, "Weight": 90}, {"TargetGroupArn": green, "Weight": 10}]
    forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}]
    listener = _listener(stage, front, forward)
    rule = balancing.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/pay"]}],
        Actions=forward,
        Tags=stage.listed,
    )["Rules"][0]["RuleArn"]
    _are_healthy(stage, blue, green)

    def eyes() -> object:
        default = balancing.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
        of_path = balancing.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"]
        return [
            sorted((one["TargetGroupArn"], one["Weight"]) for one in actions[0]["ForwardConfig"]["TargetGroups"])
            for actions in (default, of_path)
        ]

    kind, arn = ("elb-rule", rule) if of_rule else ("elb-listener", listener)
    named = "elb-shift-rule-weights" if of_rule else "elb-shift-weights"
    arguments = {"to": _short(stage, "green"), "percent": "100"}
    address = f"{kind} id={arn.split('/', 1)[1]}"
    acted(stage, Act(action=named, address=address, arguments=arguments, eyes=eyes))


BALANCERS = (
    Scene(name="elb-target-out", uses=_USES, play=_target_out),
    Scene(name="elb-shift-weights", uses=_USES, play=partial(_weights, of_rule=False)),
    Scene(name="elb-shift-rule", shows="elb-shift-rule-weights", uses=_USES, play=partial(_weights, of_rule=True)),
)

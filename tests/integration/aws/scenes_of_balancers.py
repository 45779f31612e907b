"""The scenes of the actions on load balancers, which are real to moto and balance nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.integration.aws.scene import Scene, listed, unique_tags

from recoverops.testing.aws import Aws
from recoverops.testing.aws.health import call_unhealthy


def target_group(aws: Aws, name: str, *, tags: Mapping[str, str], takes: str = "instance") -> str:
    """Its ARN."""
    vpc = aws.admin("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    more = {"Tags": listed(tags)} if tags else {}
    made = aws.admin("elbv2").create_target_group(
        Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType=takes, **more
    )
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    return arn


def balanced(aws: Aws, name: str, instance: str) -> None:
    """Behind a load balancer, beside two others."""
    arn = target_group(aws, name, tags={})
    others = aws.admin("ec2").run_instances(ImageId="ami-12345678", MinCount=2, MaxCount=2)["Instances"]
    aws.admin("elbv2").register_targets(
        TargetGroupArn=arn, Targets=[{"Id": one} for one in (instance, *(other["InstanceId"] for other in others))]
    )


def target_scene(aws: Aws) -> Scene:
    """Three targets; one is unhealthy."""
    tags, balancing = unique_tags(), aws.admin("elbv2")
    name = tags["service"]
    arn = target_group(aws, name, tags=tags, takes="ip")
    places = [f"10.0.0.{number}" for number in (11, 12, 13)]
    balancing.register_targets(TargetGroupArn=arn, Targets=[{"Id": one, "Port": 8080} for one in places])
    call_unhealthy(arn, places[0])

    def told() -> list[tuple[str, int]]:
        found = balancing.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return sorted((one["Target"]["Id"], one["Target"]["Port"]) for one in found)

    def register(port: int) -> None:
        balancing.register_targets(TargetGroupArn=arn, Targets=[{"Id": places[0], "Port": port}])

    return Scene(
        address=f"elb-target id={name}/{places[0]}",
        by_tags=f"elb-target tag:service={name}",
        break_it=lambda: register(8080),
        snapshot=told,
        tamper=lambda: register(9090),
        arguments={},
    )


def weights_scene(aws: Aws, *, of_rule: bool) -> Scene:
    """Nine tenths go to blue, the rest to green; all are to go to green."""
    tags, balancing = unique_tags(), aws.admin("elbv2")
    name = tags["service"]
    subnets = [one["SubnetId"] for one in aws.admin("ec2").describe_subnets()["Subnets"][:2]]
    made = balancing.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    groups = [target_group(aws, f"{name}-{colour}", tags={}, takes="ip") for colour in ("blue", "green")]
    for arn in groups:
        balancing.register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.21", "Port": 8080}])

    def forward(blue: int, green: int) -> list[dict[str, Any]]:
        shares = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(groups, (blue, green), strict=True)]
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}]

    listener = balancing.create_listener(
        LoadBalancerArn=made, Protocol="HTTP", Port=80, DefaultActions=forward(90, 10), Tags=listed(tags)
    )["Listeners"][0]["ListenerArn"]
    rule = balancing.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/pay"]}],
        Actions=forward(90, 10),
        Tags=listed(tags),
    )["Rules"][0]["RuleArn"]

    def share(blue: int, green: int) -> None:
        if of_rule:
            balancing.modify_rule(RuleArn=rule, Actions=forward(blue, green))
        else:
            balancing.modify_listener(ListenerArn=listener, DefaultActions=forward(blue, green))

    def told() -> object:
        (default,) = balancing.describe_listeners(ListenerArns=[listener])["Listeners"]
        (of_path,) = balancing.describe_rules(RuleArns=[rule])["Rules"]
        return [
            [one["Weight"] for one in actions[0]["ForwardConfig"]["TargetGroups"]]
            for actions in (default["DefaultActions"], of_path["Actions"])
        ]

    kind, arn = ("elb-rule", rule) if of_rule else ("elb-listener", listener)
    return Scene(
        address=f"{kind} id={arn.split('/', 1)[1]}",
        by_tags=None,
        break_it=lambda: share(90, 10),
        snapshot=told,
        tamper=lambda: share(50, 50),
        arguments={"to": f"{name}-green", "percent": "100"},
    )

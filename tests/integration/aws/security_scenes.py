"""Scenes of the security actions: a rule of a security group, an access key, an instance with a quarantine group."""

from __future__ import annotations

from typing import Any

from tests.integration.aws.conftest import instance
from tests.integration.aws.scene import Scene, unique_tags

from recoverops.testing.aws import ACCOUNT, REGION, Aws


def listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def security_group(aws: Aws, *, tags: dict[str, str], vpc: str | None = None) -> str:
    ec2 = aws.admin("ec2")
    made = ec2.create_security_group(
        GroupName=f"group-of-{tags['service']}",
        Description="of a test",
        VpcId=vpc or ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
        TagSpecifications=[{"ResourceType": "security-group", "Tags": listed(tags)}],
    )
    ident: str = made["GroupId"]
    return ident


def opened(aws: Aws, group: str, *, port: int, network: str, tags: dict[str, str], told: str = "") -> str:
    """The id of the new rule."""
    made = aws.admin("ec2").authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "IpRanges": [{"CidrIp": network, **({"Description": told} if told else {})}],
            }
        ],
        **({"TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": listed(tags)}]} if tags else {}),
    )
    ident: str = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return ident


def ingress(aws: Aws, group: str) -> list[dict[str, Any]]:
    """Without the ids, which AWS never gives twice, and with the tags in one order."""
    found = aws.admin("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    rules = [one for one in found["SecurityGroupRules"] if not one["IsEgress"]]
    for one in rules:
        one["Tags"] = sorted((tag["Key"], tag["Value"]) for tag in one.get("Tags", ()))
    return [{key: value for key, value in one.items() if not key.startswith("SecurityGroupRule")} for one in rules]


def ingress_scene(aws: Aws) -> Scene:
    tags = unique_tags()
    group = security_group(aws, tags=tags)
    rule = opened(aws, group, port=22, network="0.0.0.0/0", tags=tags, told="ssh for all")

    def again() -> None:
        """The same rule with the same id, which AWS never does: the kit begins anew with one address."""
        from moto.ec2.models import ec2_backends

        kept = ec2_backends[ACCOUNT][REGION].get_security_group_from_id(group)
        kept.ingress_rules = []
        made = opened(aws, group, port=22, network="0.0.0.0/0", tags=tags, told="ssh for all")
        next(one for one in kept.ingress_rules if one.id == made).id = rule

    def reopened_for_fewer() -> None:
        opened(aws, group, port=22, network="0.0.0.0/0", tags={}, told="ssh, by hand")

    return Scene(
        address=f"sg-rule id={group}/{rule}",
        by_tags=f"sg-rule tag:service={tags['service']}",
        break_it=again,
        snapshot=lambda: ingress(aws, group),
        tamper=reopened_for_fewer,
        arguments={},
    )


def key_scene(aws: Aws) -> Scene:
    tags, iam = unique_tags(), aws.admin("iam")
    name = f"robot-of-{tags['service']}"
    iam.create_user(UserName=name, Path="/robots/", Tags=listed(tags))
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]

    def status() -> dict[str, str]:
        return {one["AccessKeyId"]: one["Status"] for one in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]}

    def activate() -> None:
        if key not in status():
            replaced()
        iam.update_access_key(UserName=name, AccessKeyId=key, Status="Active")

    def replaced() -> None:
        """Deleted, or there again with its old id, which AWS never does."""
        from moto.iam.models import iam_backends

        user = iam_backends[ACCOUNT]["aws"].users[name]
        gone.extend(one for one in user.access_keys if one.access_key_id == key)
        user.access_keys = [gone.pop()] if not user.access_keys else []

    gone: list[Any] = []
    return Scene(
        address=f"iam-key id=robots/{name}/{key}",
        by_tags=None,
        break_it=activate,
        snapshot=status,
        tamper=replaced,
        arguments={},
    )


def isolate_scene(aws: Aws) -> Scene:
    tags, ec2 = unique_tags(), aws.admin("ec2")
    ident = instance(aws, tags=tags)
    usual = [security_group(aws, tags=unique_tags()) for _ in range(2)]
    other, quarantine = security_group(aws, tags=unique_tags()), security_group(aws, tags=unique_tags())

    def groups() -> list[list[str]]:
        found = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
        return [sorted(group["GroupId"] for group in one["Groups"]) for one in found["NetworkInterfaces"]]

    def give(*given: str) -> None:
        ec2.modify_instance_attribute(InstanceId=ident, Groups=list(given))

    return Scene(
        address=f"ec2 id={ident}",
        by_tags=f"ec2 tag:service={tags['service']}",
        break_it=lambda: give(*usual),
        snapshot=groups,
        tamper=lambda: give(other),
        arguments={},
        settings={"security": {"quarantine_groups": [quarantine]}},
    )

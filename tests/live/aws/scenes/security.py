"""Scenes of the security actions: a rule of a security group that nothing uses, and a key of a user without rights."""

from __future__ import annotations

from tests.live.aws.acting import Act, acted
from tests.live.aws.ground import PATH
from tests.live.aws.machines import firewall
from tests.live.aws.prices import Use
from tests.live.aws.scene import Scene
from tests.live.aws.stage import Stage

_REQUESTS = (Use(what="requests"),)


def _ingress(stage: Stage) -> None:
    """Open for a network that is nobody's (RFC 5737), on a group that no interface has."""
    ec2, group = stage.client("ec2"), firewall(stage, "open")
    made = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
        ],
        TagSpecifications=stage.specified("security-group-rule"),
    )
    rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def eyes() -> object:
        """Without the ids, which AWS never gives twice."""
        found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
        rules = [one for one in found["SecurityGroupRules"] if not one["IsEgress"]]
        return [(one["FromPort"], one["CidrIpv4"], sorted(tag["Key"] for tag in one["Tags"])) for one in rules]

    acted(stage, Act(action="sg-close-ingress", address=f"sg-rule id={group}/{rule}", eyes=eyes))


def _key(stage: Stage) -> None:
    """Its secret is dropped at once, and the user may do nothing."""
    iam, name = stage.client("iam"), stage.called()
    iam.create_user(UserName=name, Path=PATH, Tags=stage.listed)
    stage.kept("user", name)
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]

    def eyes() -> object:
        return [one["Status"] for one in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]]

    address = f"iam-key id={PATH.strip('/')}/{name}/{key}"
    acted(stage, Act(action="iam-key-deactivate", address=address, eyes=eyes))


SECURITY = (
    Scene(name="sg-close-ingress", uses=_REQUESTS, play=_ingress),
    Scene(name="iam-key-deactivate", uses=_REQUESTS, play=_key),
)

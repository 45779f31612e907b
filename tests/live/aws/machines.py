"""Makes instances for scenes: the smallest, without ingress, which end themselves when nobody ends them in time."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.live.aws.ground import PATH, expiry_of
from tests.live.aws.stage import Stage

from recoverops.model import MisconfiguredError

IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
"""The public parameter that says which image is the newest Amazon Linux."""
FOLDER = "/var/tmp/recoverops-live"
"""On a machine that SSM manages: files that may be cleaned."""
_MESSAGES = ["ssmmessages:*", "ec2messages:*"]
_SELF_END = """#cloud-boothook
#!/bin/sh
systemd-run --on-calendar='{at:%Y-%m-%d %H:%M:%S} UTC' /usr/bin/systemctl poweroff
mkdir -p {folder}
touch -d '30 days ago' {folder}/old.log {folder}/older.log
systemd-run /usr/bin/python3 -m http.server 80 --directory {folder}
"""
"""At every boot. An instance that switches itself off is terminated; `StopInstances` only stops it."""


_AGENT = {"Effect": "Allow", "Action": ["ssm:UpdateInstanceInformation", *_MESSAGES], "Resource": "*"}
"""What the agent of SSM needs to take commands and to tell how they ended."""


def network(stage: Stage) -> str:
    """The default VPC."""
    found = stage.client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not found:
        raise MisconfiguredError(
            f"there is no default VPC in {stage.ground.region}: take another region, or make one "
            "(aws ec2 create-default-vpc)"
        )
    vpc: str = found[0]["VpcId"]
    return vpc


def subnet(stage: Stage) -> dict[str, Any]:
    """One of the default VPC whose zone offers what we start; the first in the order of zones."""
    ec2, vpc = stage.client("ec2"), network(stage)
    wanted = [{"Name": "instance-type", "Values": ["t3.micro"]}]
    offers = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=wanted)
    zones = {one["Location"] for one in offers["InstanceTypeOfferings"]}
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    return min((one for one in subnets if one["AvailabilityZone"] in zones), key=lambda one: one["AvailabilityZone"])


def firewall(stage: Stage, what: str = "closed") -> str:
    """A security group that lets nobody in."""
    made = stage.client("ec2").create_security_group(
        GroupName=stage.called(what),
        Description="of a live test of RecoverOps",
        VpcId=network(stage),
        TagSpecifications=stage.specified("security-group"),
    )
    return stage.kept("security group", made["GroupId"])


def described(stage: Stage, *, group: str, is_public: bool = False) -> dict[str, Any]:
    """What instances and launch templates have in common."""
    return {
        "ImageId": stage.client("ssm").get_parameter(Name=IMAGE)["Parameter"]["Value"],
        "InstanceType": "t3.micro",
        "CreditSpecification": {"CpuCredits": "standard"},
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
        "NetworkInterfaces": [
            {"DeviceIndex": 0, "Groups": [group], "AssociatePublicIpAddress": is_public, "DeleteOnTermination": True}
        ],
    }


def launched(stage: Stage, *, count: int = 1, is_public: bool = False, profile: str = "", group: str = "") -> list[str]:
    """Running instances, with this security group or one that lets nobody in. They answer HTTP to whom it lets in."""
    from botocore.exceptions import ClientError

    ec2 = stage.client("ec2")
    given = described(stage, group=group or firewall(stage), is_public=is_public)
    given["NetworkInterfaces"][0]["SubnetId"] = subnet(stage)["SubnetId"]
    ends = _SELF_END.format(at=expiry_of(stage.ground.run), folder=FOLDER)
    given |= {"IamInstanceProfile": {"Name": profile}} if profile else {}

    def begun() -> Any:
        try:
            return ec2.run_instances(
                **given,
                MinCount=count,
                MaxCount=count,
                UserData=ends,
                InstanceInitiatedShutdownBehavior="terminate",
                TagSpecifications=stage.specified("instance", "volume", "network-interface"),
            )
        except ClientError as error:
            if "Invalid IAM Instance Profile" not in str(error):
                raise
            return None  # EC2 does not know a new profile at once

    made = stage.ground.until("that EC2 takes the instance", begun)
    idents = [stage.kept("instance", one["InstanceId"]) for one in made["Instances"]]
    stage.ground.until("that the instances run", lambda: all(state(stage, one) == "running" for one in idents))
    return idents


def told(stage: Stage, ident: str) -> dict[str, Any]:
    """The instance; empty while AWS does not know it yet."""
    by_id = [{"Name": "instance-id", "Values": [ident]}]
    pages = stage.client("ec2").describe_instances(Filters=by_id)["Reservations"]
    found: dict[str, Any] = pages[0]["Instances"][0] if pages else {}
    return found


def state(stage: Stage, ident: str) -> str:
    return str(told(stage, ident).get("State", {}).get("Name", ""))


def managed(stage: Stage) -> tuple[str, str]:
    """An instance whose agent answers to SSM, and the folder on it that has files to clean."""
    iam, name = stage.client("iam"), stage.called("agent")
    role = stage.role("agent", service="ec2.amazonaws.com")
    stage.allow(role, json.dumps({"Version": "2012-10-17", "Statement": [_AGENT]}))
    iam.create_instance_profile(InstanceProfileName=name, Path=PATH, Tags=stage.listed)
    stage.kept("instance profile", name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role.rpartition("/")[2])
    (ident,) = launched(stage, is_public=True, profile=name)
    if stage.ground.machine is not None:
        return ident, stage.ground.machine(ident)

    def answers() -> bool:
        by_id = [{"Key": "InstanceIds", "Values": [ident]}]
        found = stage.client("ssm").describe_instance_information(Filters=by_id)["InstanceInformationList"]
        return any(one["PingStatus"] == "Online" for one in found)

    stage.ground.until("that the agent of the instance answers", answers, within=timedelta(minutes=10))
    return ident, FOLDER

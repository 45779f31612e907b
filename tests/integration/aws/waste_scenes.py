"""Scenes of the actions against waste, and of the emergency shutdown."""

from __future__ import annotations

from tests.integration.aws.conftest import instance
from tests.integration.aws.scene import Scene, unique_tags
from tests.integration.aws.security_scenes import listed

from recoverops.testing.aws import ACCOUNT, REGION, Aws


def shutdown_scene(aws: Aws) -> Scene:
    """Two running instances and one that is stopped already."""
    tags, ec2 = unique_tags(), aws.admin("ec2")
    idents = [instance(aws, tags=tags) for _ in range(3)]

    def as_at_first() -> None:
        ec2.start_instances(InstanceIds=idents[:2])
        ec2.stop_instances(InstanceIds=idents[2:])
        for ident in idents:
            ec2.modify_instance_attribute(InstanceId=ident, InstanceType={"Value": "t3.micro"})

    def told() -> list[tuple[str, str]]:
        pages = ec2.describe_instances(InstanceIds=idents)["Reservations"]
        return [(one["State"]["Name"], one["InstanceType"]) for page in pages for one in page["Instances"]]

    return Scene(
        address=f"ec2 tag:service={tags['service']} at_most=3",
        by_tags=f"ec2 tag:service={tags['service']} tag:env=test at_most=5",
        break_it=as_at_first,
        snapshot=told,
        tamper=lambda: ec2.modify_instance_attribute(InstanceId=idents[0], InstanceType={"Value": "t3.large"}),
        arguments={},
    )


def volume_scene(aws: Aws) -> Scene:
    tags, ec2 = unique_tags(), aws.admin("ec2")

    def make() -> str:
        spec = [{"ResourceType": "volume", "Tags": listed(tags)}]
        ident: str = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=8, TagSpecifications=spec)["VolumeId"]
        return ident

    volume = make()

    def again() -> None:
        """A volume with the old id, which AWS never gives twice: the kit begins anew with one address."""
        from moto.ec2.models import ec2_backends

        known = ec2_backends[ACCOUNT][REGION].volumes
        if volume not in known:
            made = make()
            known[volume] = known.pop(made)
            known[volume].id = volume

    def told() -> tuple[list[str], int]:
        by_id = [{"Name": "volume-id", "Values": [volume]}]
        there = ec2.describe_volumes(Filters=by_id)["Volumes"]
        return [one["State"] for one in there], len(ec2.describe_snapshots(Filters=by_id)["Snapshots"])

    return Scene(
        address=f"ebs id={volume}",
        by_tags=f"ebs tag:service={tags['service']}",
        break_it=again,
        snapshot=told,
        tamper=lambda: None,
        arguments={},
    )


def address_scene(aws: Aws) -> Scene:
    tags, ec2 = unique_tags(), aws.admin("ec2")

    def make() -> str:
        spec = [{"ResourceType": "elastic-ip", "Tags": listed(tags)}]
        ident: str = ec2.allocate_address(Domain="vpc", TagSpecifications=spec)["AllocationId"]
        return ident

    def there() -> list[str]:
        by_id = [{"Name": "allocation-id", "Values": [allocation]}]
        return [one["AllocationId"] for one in ec2.describe_addresses(Filters=by_id)["Addresses"]]

    def again() -> None:
        """An address with the old id, which AWS never gives twice: the kit begins anew with one address."""
        from moto.ec2.models import ec2_backends

        if not there():
            made = make()
            known = ec2_backends[ACCOUNT][REGION].addresses
            next(one for one in known if one.allocation_id == made).allocation_id = allocation

    allocation = make()
    return Scene(
        address=f"eip id={allocation}",
        by_tags=f"eip tag:service={tags['service']}",
        break_it=again,
        snapshot=there,
        tamper=lambda: None,
        arguments={},
    )

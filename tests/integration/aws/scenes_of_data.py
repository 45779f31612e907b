"""The scenes of the actions on databases and volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integration.aws.scene import Scene, listed, unique_tags

from recoverops.testing.aws import REGION, Aws


def database(aws: Aws, *, is_spread: bool = True) -> tuple[str, Callable[[], dict[str, Any]]]:
    """Its name, which is its tag `service` as well, and how it is now."""
    tags, rds = unique_tags(), aws.admin("rds")
    name = tags["service"]
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MultiAZ=is_spread,
        MasterUsername="shop",
        MasterUserPassword="not-a-real-one",
        Tags=listed(tags),
    )

    def told() -> dict[str, Any]:
        found: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found

    return name, told


def failover_scene(aws: Aws) -> Scene:
    name, told = database(aws)

    def back() -> None:
        if told()["AvailabilityZone"].endswith("b"):
            aws.admin("rds").reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)

    return Scene(
        address=f"rds id={name}",
        by_tags=f"rds tag:service={name}",
        break_it=back,
        snapshot=lambda: told()["AvailabilityZone"],
        tamper=lambda: None,
        arguments={},
    )


def storage_scene(aws: Aws) -> Scene:
    name, told = database(aws)
    return Scene(
        address=f"rds id={name}",
        by_tags=f"rds tag:service={name}",
        break_it=lambda: _modify(aws, name, AllocatedStorage=20),
        snapshot=lambda: told()["AllocatedStorage"],
        tamper=lambda: None,
        arguments={"percent": "20"},
    )


def class_scene(aws: Aws) -> Scene:
    name, told = database(aws)
    return Scene(
        address=f"rds id={name}",
        by_tags=f"rds tag:service={name}",
        break_it=lambda: _modify(aws, name, DBInstanceClass="db.t3.micro"),
        snapshot=lambda: told()["DBInstanceClass"],
        tamper=lambda: _modify(aws, name, DBInstanceClass="db.r5.4xlarge"),
        arguments={"class": "db.t3.small"},
    )


def _modify(aws: Aws, name: str, **change: Any) -> None:
    aws.admin("rds").modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **change)


def volume_scene(aws: Aws, *, arguments: dict[str, str]) -> Scene:
    """A volume of 10 GiB without snapshots."""
    tags, ec2 = unique_tags(), aws.admin("ec2")
    ident = ec2.create_volume(
        AvailabilityZone=f"{REGION}a",
        Size=10,
        TagSpecifications=[{"ResourceType": "volume", "Tags": listed(tags)}],
    )["VolumeId"]

    def snapshots() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ec2.describe_snapshots(
            OwnerIds=["self"], Filters=[{"Name": "volume-id", "Values": [ident]}]
        )["Snapshots"]
        return found

    def as_at_first() -> None:
        for one in snapshots():
            ec2.delete_snapshot(SnapshotId=one["SnapshotId"])
        if ec2.describe_volumes(VolumeIds=[ident])["Volumes"][0]["Size"] != 10:
            ec2.modify_volume(VolumeId=ident, Size=10)

    def keep() -> None:
        for one in snapshots():
            ec2.delete_tags(Resources=[one["SnapshotId"]], Tags=[{"Key": "recoverops:snapshot"}])

    def told() -> object:
        size = ec2.describe_volumes(VolumeIds=[ident])["Volumes"][0]["Size"]
        return size, sorted((one["SnapshotId"], len(one.get("Tags", []))) for one in snapshots())

    return Scene(
        address=f"ebs id={ident}",
        by_tags=f"ebs tag:service={tags['service']}",
        break_it=as_at_first,
        snapshot=told,
        tamper=keep,
        arguments=arguments,
    )

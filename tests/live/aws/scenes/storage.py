"""Scenes of the actions on volumes and elastic addresses, and of the source that finds those that serve nobody."""

from __future__ import annotations

from typing import Any

from tests.live.aws.acting import Act, acted, claim, key_of
from tests.live.aws.machines import subnet
from tests.live.aws.prices import Use
from tests.live.aws.scene import Scene
from tests.live.aws.stage import Stage

_VOLUME = (Use(what="GiB of volume", count=2), Use(what="GiB of snapshot", count=2))


def volume(stage: Stage) -> str:
    """1 GiB, attached to nothing."""
    ec2 = stage.client("ec2")
    made = ec2.create_volume(
        AvailabilityZone=subnet(stage)["AvailabilityZone"],
        Size=1,
        VolumeType="gp3",
        TagSpecifications=stage.specified("volume"),
    )
    ident = stage.kept("volume", made["VolumeId"])
    stage.ground.until("that the volume is there", lambda: _volumes(stage, ident) == [("available", 1)])
    return ident


def _volumes(stage: Stage, ident: str) -> list[tuple[str, int]]:
    by_id = [{"Name": "volume-id", "Values": [ident]}]
    found = stage.client("ec2").describe_volumes(Filters=by_id)["Volumes"]
    return [(one["State"], one["Size"]) for one in found if one["State"] not in {"deleting", "deleted"}]


def _snapshots(stage: Stage, ident: str) -> list[str]:
    """Of this volume; each has to carry the key of the effect, by which those of a killed run are found."""
    by_id = [{"Name": "volume-id", "Values": [ident]}]
    found: list[dict[str, Any]] = stage.client("ec2").describe_snapshots(OwnerIds=["self"], Filters=by_id)["Snapshots"]
    for one in found:
        values = [tag["Value"] for tag in one.get("Tags", ())]
        claim(key_of(stage) in values, f"the snapshot {one['SnapshotId']} carries {values}, without {key_of(stage)}")
    return sorted(stage.kept("snapshot", one["SnapshotId"]) for one in found)


def _on_a_volume(stage: Stage) -> None:
    ident = volume(stage)
    arguments = {"percent": "50"} if stage.scene == "ebs-grow" else {}
    acted(
        stage,
        Act(
            action=stage.scene,
            address=f"ebs id={ident}",
            arguments=arguments,
            eyes=lambda: (_volumes(stage, ident), _snapshots(stage, ident)),
        ),
    )


def _release(stage: Stage) -> None:
    ec2 = stage.client("ec2")
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=stage.specified("elastic-ip"))
    ident = stage.kept("elastic address", made["AllocationId"])

    def eyes() -> object:
        by_id = [{"Name": "allocation-id", "Values": [ident]}]
        return [one["AllocationId"] for one in ec2.describe_addresses(Filters=by_id)["Addresses"]]

    acted(stage, Act(action="eip-release", address=f"eip id={ident}", eyes=eyes))


STORAGE = (
    Scene(name="ebs-snapshot", uses=_VOLUME, play=_on_a_volume),
    Scene(name="ebs-grow", uses=_VOLUME, play=_on_a_volume),
    Scene(name="ebs-delete-unattached", uses=_VOLUME, play=_on_a_volume),
    Scene(name="eip-release", uses=(Use(what="public IPv4 address"),), play=_release),
)

"""EBS volumes and their snapshots as AWS describes them, reduced to what actions decide on.

A snapshot that RecoverOps made carries the tag `recoverops:snapshot` with the key of the run: that is how it is found
again after a lost answer, and the only kind that is ever deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recoverops.model import PermanentError, Record
from recoverops.plugins.aws.address import Address, Kind, Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant

TAG = "recoverops:snapshot"
_SNAPSHOTS = "arn:{partition}:ec2:{region}::snapshot/*"
_NONE = "AWS has no resource-level permission for it"
_CALL, _LIST, CREATE = "ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:CreateSnapshot"

SNAPSHOT_GRANTS = (
    Grant(action=_CALL, why="to see the volume's size, state and tags", no_resource=_NONE, changes=False),
    Grant(action=_LIST, why="to see the snapshots of the volume", no_resource=_NONE, changes=False),
    Grant(action=CREATE, on=Kind.EBS, why="to make a snapshot of the volume"),
    Grant(
        action=CREATE,
        arn=_SNAPSHOTS,
        condition={"StringLike": {f"aws:RequestTag/{TAG}": "*"}},
        why=f"to make a snapshot of the volume; only one with the tag {TAG}",
    ),
    Grant(
        action="ec2:CreateTags",
        arn=_SNAPSHOTS,
        condition={"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}},
        why="to tag a snapshot while it is made, and at no other time",
    ),
)
DELETE_SNAPSHOT = Grant(
    action="ec2:DeleteSnapshot",
    arn=_SNAPSHOTS,
    condition={"StringLike": {f"aws:ResourceTag/{TAG}": "*"}},
    why=f"to delete a snapshot again; only one with the tag {TAG}",
)


class Volume(Record, frozen=True, kw_only=True):
    id: str
    size: int
    """GiB"""
    state: str
    """available, in-use, creating, ..."""
    type: str
    instances: tuple[str, ...]
    """that it is attached to"""
    tags: Mapping[str, str]

    @property
    def told(self) -> str:
        where = f" of {', '.join(self.instances)}" if self.instances else ""
        return f"{self.id} {self.state} {self.type} {self.size} GiB{where}"


class Snapshot(Record, frozen=True, kw_only=True):
    id: str
    state: str
    """pending, completed, error, ..."""
    progress: str
    key: str
    """of the run that made it; empty when it is not ours"""

    @property
    def told(self) -> str:
        return f"{self.id} {self.state}{f' {self.progress}' if self.progress and self.state == 'pending' else ''}"


def volumes(calls: Calls, address: Address) -> tuple[Volume, ...]:
    """Those of the address. Raises what `calls` raises."""
    if address.id is not None:
        return tuple(map(_volume, calls.pages(address.place, _CALL, "Volumes", VolumeIds=[address.id])))
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(address.tags.items())]
    return tuple(map(_volume, calls.pages(address.place, _CALL, "Volumes", Filters=filters)))


def volume(calls: Calls, place: Place, ident: str) -> Volume:
    """Raises `NotFoundError` when it is gone."""
    return _volume(calls.pages(place, _CALL, "Volumes", VolumeIds=[ident])[0])


def snapshots_of(calls: Calls, place: Place, ident: str) -> tuple[Snapshot, ...]:
    """Every snapshot of our account of this volume."""
    filters = [{"Name": "volume-id", "Values": [ident]}]
    found = calls.pages(place, _LIST, "Snapshots", OwnerIds=["self"], Filters=filters)
    return tuple(_snapshot(one) for one in found)


def making(ident: str, key: str) -> dict[str, Any]:
    """The parameters of `CreateSnapshot`."""
    return {
        "VolumeId": ident,
        "Description": f"RecoverOps: {key}",
        "TagSpecifications": [{"ResourceType": "snapshot", "Tags": [{"Key": TAG, "Value": key}]}],
    }


def check_usable(one: Volume) -> None:
    """Pure. Raises `PermanentError`."""
    if one.state not in {"available", "in-use"}:
        raise PermanentError(f"{one.id} is {one.state}, expected available or in-use")


def _volume(given: Mapping[str, Any]) -> Volume:
    return Volume(
        id=given["VolumeId"],
        size=given["Size"],
        state=given["State"],
        type=given.get("VolumeType", ""),
        instances=tuple(one["InstanceId"] for one in given.get("Attachments", ()) if "InstanceId" in one),
        tags={one["Key"]: one["Value"] for one in given.get("Tags", ())},
    )


def _snapshot(given: Mapping[str, Any]) -> Snapshot:
    tags = {one["Key"]: one["Value"] for one in given.get("Tags", ())}
    return Snapshot(
        id=given["SnapshotId"], state=given["State"], progress=str(given.get("Progress", "")), key=tags.get(TAG, "")
    )

"""EBS volumes, their snapshots and elastic addresses as AWS describes them, reduced to what is decided on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recoverops.model import Record
from recoverops.plugins.aws.address import Address, Place
from recoverops.plugins.aws.calls import Calls

_GONE = frozenset({"deleting", "deleted"})


class Volume(Record, frozen=True, kw_only=True):
    id: str
    state: str
    """creating, available, in-use, error"""
    told: str
    attached_to: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def is_unattached(self) -> bool:
        return self.state == "available" and not self.attached_to


class ElasticAddress(Record, frozen=True, kw_only=True):
    id: str
    """`eipalloc-...`"""
    ip: str
    used_by: str
    """What it is associated with, or nothing."""
    tags: Mapping[str, str]


class Snapshot(Record, frozen=True, kw_only=True):
    id: str
    state: str
    """pending, completed, error, recoverable or recovering"""
    told: str


def volumes_at(calls: Calls, address: Address) -> tuple[Volume, ...]:
    """Those of the address that are not gone. An id that is not there is no error: nothing is found."""
    by_id = [{"Name": "volume-id", "Values": [address.id]}]
    return volumes(calls, address.place, by_id if address.id is not None else _tagged(address.tags))


def volumes(calls: Calls, place: Place, filters: Sequence[Mapping[str, Any]]) -> tuple[Volume, ...]:
    found = calls.pages(place, "ec2:DescribeVolumes", "Volumes", Filters=list(filters))
    return tuple(_volume(one) for one in found if one["State"] not in _GONE)


def addresses_at(calls: Calls, address: Address) -> tuple[ElasticAddress, ...]:
    """Those of the address. An id that is not there is no error: nothing is found."""
    by_id = [{"Name": "allocation-id", "Values": [address.id]}]
    return addresses(calls, address.place, by_id if address.id is not None else _tagged(address.tags))


def addresses(calls: Calls, place: Place, filters: Sequence[Mapping[str, Any]]) -> tuple[ElasticAddress, ...]:
    found = calls.read(place, "ec2:DescribeAddresses", Filters=list(filters)).get("Addresses", [])
    return tuple(_address(one) for one in found if one.get("AllocationId"))


def snapshots(calls: Calls, place: Place, volume: str, *, tag: tuple[str, str] | None = None) -> tuple[Snapshot, ...]:
    """Our own of the volume, with this tag if one is given."""
    filters = [{"Name": "volume-id", "Values": [volume]}]
    if tag is not None:
        filters.append({"Name": f"tag:{tag[0]}", "Values": [tag[1]]})
    found = calls.pages(place, "ec2:DescribeSnapshots", "Snapshots", OwnerIds=["self"], Filters=filters)
    return tuple(
        Snapshot(
            id=one["SnapshotId"],
            state=one["State"],
            told=f"{one['SnapshotId']} {one['State']} {one['StartTime']:%Y-%m-%d}",
        )
        for one in found
    )


def _volume(given: Mapping[str, Any]) -> Volume:
    return Volume(
        id=given["VolumeId"],
        state=given["State"],
        told=f"{given['VolumeId']} ({given['Size']} GiB {given['VolumeType']}, made {given['CreateTime']:%Y-%m-%d})",
        attached_to=tuple(one["InstanceId"] for one in given.get("Attachments", ())),
        tags=_tags(given),
    )


def _address(given: Mapping[str, Any]) -> ElasticAddress:
    used = given.get("InstanceId") or given.get("NetworkInterfaceId") or given.get("AssociationId") or ""
    return ElasticAddress(id=given["AllocationId"], ip=given["PublicIp"], used_by=used, tags=_tags(given))


def _tags(given: Mapping[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in given.get("Tags", ())}


def _tagged(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(tags.items())]

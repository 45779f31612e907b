"""RDS instances as AWS describes them, reduced to what actions decide on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recoverops.model import PermanentError, Record
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant

READY = frozenset({"available", "storage-optimization"})
"""States in which a database serves and is not being changed."""
DESCRIBE_DATABASE = Grant(
    action="rds:DescribeDBInstances",
    on=Kind.RDS,
    why="to see the database's state, class, storage, zones and tags",
    changes=False,
)
MODIFY_DATABASE = "rds:ModifyDBInstance"


class Database(Record, frozen=True, kw_only=True):
    id: str
    state: str
    """available, modifying, rebooting, storage-optimization, ..."""
    cls: str
    storage: int
    """GiB"""
    zone: str
    standby: str
    """the zone of the standby; empty without one"""
    is_spread: bool
    """Multi-AZ"""
    cluster: str
    pending: Mapping[str, str]
    """what was asked for and is not there yet"""
    tags: Mapping[str, str]

    @property
    def told(self) -> str:
        """Class and whatever of it is on its way, as the compare-and-set of `rds-class` compares it."""
        coming = self.pending.get("DBInstanceClass")
        state = "available" if self.state in READY else self.state
        return f"{self.cls} {state}{f', {coming} asked for' if coming else ''}"

    @property
    def evidence(self) -> dict[str, str]:
        zones = f"{self.zone}, standby in {self.standby}" if self.standby else self.zone
        pending = ", ".join(f"{key}={value}" for key, value in sorted(self.pending.items()))
        told = f"{self.id} {self.state} {self.cls} {self.storage} GiB in {zones}"
        return {"database": told, "pending": pending}


def database(calls: Calls, place: Place, ident: str) -> Database:
    """Raises `NotFoundError` when it is not there."""
    given = calls.read(place, "rds:DescribeDBInstances", DBInstanceIdentifier=ident)["DBInstances"][0]
    return _database(given)


def _database(given: Mapping[str, Any]) -> Database:
    pending = given.get("PendingModifiedValues") or {}
    return Database(
        id=given["DBInstanceIdentifier"],
        state=given["DBInstanceStatus"],
        cls=given["DBInstanceClass"],
        storage=given["AllocatedStorage"],
        zone=given.get("AvailabilityZone", ""),
        standby=given.get("SecondaryAvailabilityZone", ""),
        is_spread=given.get("MultiAZ", False),
        cluster=given.get("DBClusterIdentifier", ""),
        pending={key: str(value) for key, value in pending.items() if value and key != "MasterUserPassword"},
        tags={one["Key"]: one["Value"] for one in given.get("TagList", ())},
    )


def check_ready(one: Database) -> None:
    """Pure. Raises `PermanentError` for a database that is not to be changed now."""
    if one.cluster:
        raise PermanentError(f"{one.id} belongs to the cluster {one.cluster}; this action is for single instances")
    if one.state not in READY:
        raise PermanentError(f"{one.id} is {one.state}, expected available")
    if one.pending:
        waiting = ", ".join(sorted(one.pending))
        raise PermanentError(
            f"{one.id} has changes that wait ({waiting}) and would come with this one; settle them first"
        )

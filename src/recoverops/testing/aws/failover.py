"""The standby of Multi-AZ databases: a reboot with failover swaps the zones, and is refused without a standby."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def failover_pieces() -> Iterator[tuple[type, str, Any]]:
    from moto.rds.exceptions import InvalidParameterCombination
    from moto.rds.models import DBInstance
    from moto.rds.responses import RDSResponse

    usual = RDSResponse.reboot_db_instance

    def reboot_db_instance(response: Any) -> Any:
        if response.params.get("ForceFailover"):
            database = response.backend.describe_db_instances(response.params["DBInstanceIdentifier"])[0]
            if not database.multi_az:
                raise InvalidParameterCombination("Cannot force failover: the DB instance is not Multi-AZ.")
            database.availability_zone, database.standby_zone = (
                database.secondary_availability_zone,
                database.availability_zone,
            )
        return usual(response)

    def standby(database: Any) -> str | None:
        if not database.multi_az:
            return None
        zone: str = getattr(database, "standby_zone", f"{database.region}b")
        return zone

    yield RDSResponse, "reboot_db_instance", reboot_db_instance
    yield DBInstance, "secondary_availability_zone", property(standby)

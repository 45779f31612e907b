"""Which service of the inventory a resource of AWS is: by the id in the service's address, or by its name. Pure.

What alarms and events say is outside text. It chooses among the services of the inventory and makes none; when two are
meant, or the account or region is not one of the settings, none is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from recoverops.model import Service
from recoverops.plugins.aws.address import ADDRESS, Address, Kind, address_of
from recoverops.plugins.aws.settings import AccountSettings

Dimensions = Mapping[str, str]

_KINDS = {
    "InstanceId": Kind.EC2,
    "AutoScalingGroupName": Kind.ASG,
    "FunctionName": Kind.LAMBDA,
    "DBInstanceIdentifier": Kind.RDS,
}
"""Dimensions that say an id alone. ECS and target groups have forms of their own, below."""
_NAMES = ("Service", "service", "service.name")
"""Dimensions that people give to their own metrics: the name of a service of the inventory."""
_RESOURCE_NAMES = ("ServiceName", "LoadBalancer", "TargetGroup")
"""Dimensions with the name of a resource. It may be the name of a service, unless its address says where that is."""


class Owners:
    """What the addresses of the services say, looked up by id."""

    def __init__(self, services: Mapping[str, Service], accounts: Sequence[AccountSettings]) -> None:
        self._places = {(one.id, region) for one in accounts for region in one.regions}
        self._by_name = services
        self._addresses = [(address_of(one, accounts), one) for one in services.values() if ADDRESS in one.address]

    def is_ours(self, account: str, region: str) -> bool:
        """Whether the settings have this account with this region."""
        return (account, region) in self._places

    def of_resource(self, kind: Kind, ident: str, *, account: str, region: str) -> Service | None:
        found = {
            one.name: one
            for address, one in self._addresses
            if address.kind is kind
            and (address.place.account_id, address.place.region) == (account, region)
            and _is(address, ident)
        }
        return next(iter(found.values())) if len(found) == 1 else None

    def of_dimensions(self, sets: Iterable[Dimensions], *, account: str, region: str) -> Service | None:
        """The one service that all of these sets of dimensions, as far as they mean any, mean."""
        if not self.is_ours(account, region):
            return None
        found = {}
        for dimensions in sets:
            for one in self._meant(dimensions, account, region):
                found[one.name] = one
        return next(iter(found.values())) if len(found) == 1 else None

    def _meant(self, dimensions: Dimensions, account: str, region: str) -> Iterable[Service]:
        by_id = [
            one
            for kind, ident in resources_of(dimensions)
            if (one := self.of_resource(kind, ident, account=account, region=region)) is not None
        ]
        return by_id or self._named(dimensions)

    def _named(self, dimensions: Dimensions) -> Iterable[Service]:
        for name in (*_NAMES, *_RESOURCE_NAMES):
            service = self._by_name.get(_plain(dimensions.get(name, "")))
            if service is not None and (name in _NAMES or ADDRESS not in service.address):
                yield service


def resources_of(dimensions: Dimensions) -> Iterable[tuple[Kind, str]]:
    """The resources that a metric's dimensions name."""
    for name, kind in _KINDS.items():
        if dimensions.get(name):
            yield kind, dimensions[name]
    if dimensions.get("ClusterName") and dimensions.get("ServiceName"):
        yield Kind.ECS, f"{dimensions['ClusterName']}/{dimensions['ServiceName']}"
    if dimensions.get("TargetGroup"):
        yield Kind.ELB_TARGET, _plain(dimensions["TargetGroup"])


def _plain(value: str) -> str:
    """`targetgroup/web/6d0ecf831eec9f09` and `app/shop/50dc6c495c0c9188` without what AWS put around the name."""
    parts = value.split("/")
    if parts[0] == "targetgroup" and len(parts) == 3:
        return parts[1]
    return parts[1] if parts[0] in {"app", "net", "gwy"} and len(parts) == 3 else value


def _is(address: Address, ident: str) -> bool:
    if address.id is None:
        return False
    return ident == (address.id.partition("/")[0] if address.kind is Kind.ELB_TARGET else address.id)

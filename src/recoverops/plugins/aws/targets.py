"""From the address of a service to exact resources, through the describe calls. Never "the first one found".

A filter by tags that matches nothing, or more than `at_most`, is refused with the list of what matched; so is a
resource without the tags of `only_tagged`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recoverops.model import PermanentError, Record, Service
from recoverops.plugins.aws.address import PREFIXES, Address, Kind, address_of
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.groups import Group, groups
from recoverops.plugins.aws.instances import Instance, instances
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.volumes import Volume, volumes

_SHOWN = 20
_TYPES = {
    Kind.ECS: "ecs:service",
    Kind.LAMBDA: "lambda:function",
    Kind.RDS: "rds:db",
    Kind.ELB_TARGET: "elasticloadbalancing:targetgroup",
}


class Reach:
    """What the services' addresses mean in AWS now."""

    def __init__(self, calls: Calls, settings: AwsSettings, services: Mapping[str, Service]) -> None:
        self.calls = calls
        self.settings = settings
        self.services = services

    def address(self, service: Service, *kinds: Kind) -> Address:
        """Raises `MisconfiguredError`, and `PermanentError` for a kind that the action is not for."""
        found = address_of(service, self.settings.accounts)
        if found.kind not in kinds:
            raise PermanentError(f"{service.name} is {found.sought}; this action is for {' or '.join(kinds)}")
        return found

    def instances(self, service: Service) -> tuple[Address, tuple[Instance, ...]]:
        """Exactly the EC2 instances of this service, in the order of their ids."""
        address = self.address(service, Kind.EC2)
        found = {one.id: one for one in instances(self.calls, address)}
        chosen_from(address, tuple(found))
        for one in found.values():
            self.check_scope(one.id, one.tags)
        return address, tuple(found[ident] for ident in sorted(found))

    def group(self, service: Service) -> tuple[Address, Group]:
        """Exactly the Auto Scaling group of this service."""
        address = self.address(service, Kind.ASG)
        found = {one.name: one for one in groups(self.calls, address)}
        (name,) = chosen_from(only_one(address), tuple(found))
        self.check_scope(name, found[name].tags)
        return address, found[name]

    def volume(self, service: Service) -> tuple[Address, Volume]:
        """Exactly the EBS volume of this service."""
        address = only_one(self.address(service, Kind.EBS))
        found = {one.id: one for one in volumes(self.calls, address)}
        (ident,) = chosen_from(address, tuple(found))
        self.check_scope(ident, found[ident].tags)
        return address, found[ident]

    def ident(self, service: Service, kind: Kind) -> tuple[Address, str]:
        """The id of exactly one resource of the other kinds. Whether it is there shows when it is described."""
        address = only_one(self.address(service, kind))
        if address.id is not None:
            return address, address.id
        filters = [{"Key": key, "Values": [value]} for key, value in sorted(address.tags.items())]
        found = self.calls.pages(
            address.place,
            "tag:GetResources",
            "ResourceTagMappingList",
            TagFilters=filters,
            ResourceTypeFilters=[_TYPES[kind]],
        )
        (ident,) = chosen_from(address, tuple(_ident_of(one["ResourceARN"]) for one in found))
        return address, ident

    def check_protected(self, *idents: str) -> None:
        """Raises `PermanentError` for one that nothing may be done to, whatever its tags are."""
        found = [one for one in idents if one in self.settings.protected]
        if found:
            raise PermanentError(f"{', '.join(found)} is protected (protected of the plugin aws)")

    def check_scope(self, ident: str, tags: Mapping[str, str]) -> None:
        """Raises `PermanentError` for a resource that is protected, or without the tags that the settings demand."""
        self.check_protected(ident)
        missing = {key: value for key, value in self.settings.only_tagged.items() if tags.get(key) != value}
        if missing:
            told = ", ".join(f"{key}={value}" for key, value in sorted(missing.items()))
            raise PermanentError(f"{ident} is out of scope: it is not tagged {told} (only_tagged of the plugin aws)")


def only_one(address: Address) -> Address:
    if address.at_most != 1:
        raise PermanentError(f"{address.sought}: this action takes one resource at a time; leave out at_most")
    return address


def chosen_from(address: Address, found: Sequence[str]) -> tuple[str, ...]:
    """What was found, if it is neither nothing nor more than the address allows. Pure. Raises `PermanentError`."""
    if not found:
        raise PermanentError(f"{address.sought}: nothing matches")
    if len(found) > address.at_most:
        shown = ", ".join(sorted(found)[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise PermanentError(
            f"{address.sought}: {len(found)} match, at most {address.at_most} may: {shown}{more}; narrow the tags, or "
            "raise at_most"
        )
    return tuple(found)


def _ident_of(arn: str) -> str:
    rest = arn.split(":", 5)[5]
    for prefix in PREFIXES:
        rest = rest.removeprefix(prefix)
    return rest


class Felt(Record, frozen=True, kw_only=True):
    """What an action touches besides the service that it is aimed at."""

    instances: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    ecs: frozenset[str] = frozenset()
    others: Mapping[str, frozenset[str]] = {}
    """kind of address -> ids, for the other kinds"""
    tags: Mapping[str, Mapping[str, str]] = {}
    """instance -> its tags, for services whose address chooses by tags"""


def felt_by(felt: Felt, address: Address, reach: Reach, target: Service) -> tuple[str, ...]:
    """The names of the other services of the inventory that live on what is touched. Pure."""
    return tuple(
        sorted(
            name
            for name, service in reach.services.items()
            if name != target.name and "aws" in service.address and _lives_on(felt, address, service, reach)
        )
    )


def _lives_on(felt: Felt, address: Address, service: Service, reach: Reach) -> bool:
    other = address_of(service, reach.settings.accounts)
    if other.place != address.place:
        return False
    if other.id is None:
        is_chosen = any(other.tags.items() <= tags.items() for tags in felt.tags.values())
        return other.kind is Kind.EC2 and is_chosen
    known = {Kind.EC2: felt.instances, Kind.ASG: felt.groups, Kind.ECS: felt.ecs}
    return other.id in known.get(other.kind, felt.others.get(other.kind, frozenset()))

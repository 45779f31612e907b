"""Rules of security groups as AWS describes them, how to open one again, and whom closing one would cut off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from recoverops.model import PermanentError, Record
from recoverops.plugins.aws.address import Address, Place
from recoverops.plugins.aws.calls import Calls

_CALL = "ec2:DescribeSecurityGroupRules"
_EVERY_PROTOCOL = "-1"
_WITH_PORTS = frozenset({"tcp", "udp", "6", "17"})


class Ingress(Record, frozen=True, kw_only=True):
    """One rule that lets somebody in."""

    id: str
    group: str
    protocol: str
    """`tcp`, `udp`, `icmp`, a number, or `-1` for every one"""
    first: int
    last: int
    """Ports, or type and code; -1 for all of them."""
    source: str
    """A network, or the id of a security group or a prefix list."""
    owner: str = ""
    """The account of the source, when it is a security group."""
    description: str = ""
    tags: Mapping[str, str] = {}

    @property
    def opens(self) -> tuple[str, int, int, str]:
        """What it lets in. AWS allows one rule of a group with the same."""
        return self.protocol, self.first, self.last, self.source

    @property
    def told(self) -> str:
        protocol = "everything" if self.protocol == _EVERY_PROTOCOL else self.protocol
        ports = "" if self.first < 0 else f" {self.first}" if self.first == self.last else f" {self.first}-{self.last}"
        return f"{protocol}{ports} from {self.source}"

    @property
    def permission(self) -> dict[str, Any]:
        """What AuthorizeSecurityGroupIngress takes to open it again."""
        told = {"Description": self.description} if self.description else {}
        found: dict[str, Any] = {"IpProtocol": self.protocol}
        if self.protocol != _EVERY_PROTOCOL:
            found |= {"FromPort": self.first, "ToPort": self.last}
        if self.source.startswith("sg-"):
            owner = {"UserId": self.owner} if self.owner else {}
            return {**found, "UserIdGroupPairs": [{"GroupId": self.source, **owner, **told}]}
        if self.source.startswith("pl-"):
            return {**found, "PrefixListIds": [{"PrefixListId": self.source, **told}]}
        if ":" in self.source:
            return {**found, "Ipv6Ranges": [{"CidrIpv6": self.source, **told}]}
        return {**found, "IpRanges": [{"CidrIp": self.source, **told}]}


def ingress_of(calls: Calls, place: Place, group: str) -> tuple[Ingress, ...]:
    """Every rule of the group that lets somebody in. Raises what `calls` raises."""
    return _sought(calls, place, [{"Name": "group-id", "Values": [group]}])


def ingress_at(calls: Calls, address: Address) -> tuple[Ingress, ...]:
    """Those of the address: by id, or by the tags of the rules."""
    if address.id is not None:
        group, _, rule = address.id.partition("/")
        return tuple(one for one in ingress_of(calls, address.place, group) if one.id == rule)
    return _sought(
        calls,
        address.place,
        [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(address.tags.items())],
    )


def _sought(calls: Calls, place: Place, filters: Sequence[Mapping[str, Any]]) -> tuple[Ingress, ...]:
    found = calls.pages(place, _CALL, "SecurityGroupRules", Filters=list(filters))
    return tuple(_ingress(one) for one in found if not one["IsEgress"])


def _ingress(given: Mapping[str, Any]) -> Ingress:
    referenced = given.get("ReferencedGroupInfo") or {}
    source = (
        given.get("CidrIpv4") or given.get("CidrIpv6") or given.get("PrefixListId") or referenced.get("GroupId", "")
    )
    return Ingress(
        id=given["SecurityGroupRuleId"],
        group=given["GroupId"],
        protocol=str(given["IpProtocol"]),
        first=int(given.get("FromPort", -1)),
        last=int(given.get("ToPort", -1)),
        source=source,
        owner=referenced.get("UserId", ""),
        description=given.get("Description") or "",
        tags={one["Key"]: one["Value"] for one in given.get("Tags", ())},
    )


def check_never_blocked(rule: Ingress, all_rules: Iterable[Ingress], never_block: Iterable[str]) -> None:
    """Raises `PermanentError` when closing the rule would cut off one that is never blocked. Pure."""
    others = [one for one in all_rules if one.id != rule.id and _has_ports_of(one, rule)]
    for network in never_block:
        if _lets_in(rule, network) and not any(_holds(one.source, network) for one in others):
            raise PermanentError(
                f"{rule.told} of {rule.group} is the only rule that lets {network} in there, which is never blocked "
                "(security.never_block); open it for that network alone first"
            )
    if rule.source.startswith("pl-") and any(not one.startswith(("sg-", "pl-")) for one in never_block):
        raise PermanentError(
            f"{rule.told} of {rule.group}: what is in a prefix list is not looked at, so it may be a network of "
            "security.never_block; close it by hand"
        )


def _lets_in(rule: Ingress, network: str) -> bool:
    """Whether a part of the network comes in through it."""
    if "-" in network or "-" in rule.source:
        return rule.source == network
    one, other = ip_network(rule.source, strict=False), ip_network(network)
    return one.version == other.version and one.overlaps(other)


def _holds(source: str, network: str) -> bool:
    """Whether the whole network is in it."""
    if "-" in network or "-" in source:
        return source == network
    one, other = ip_network(source, strict=False), ip_network(network)
    return one.version == other.version and other.subnet_of(one)  # type: ignore[arg-type]


def _has_ports_of(one: Ingress, rule: Ingress) -> bool:
    """Whether it opens at least the protocol and the ports of the rule."""
    if one.protocol == _EVERY_PROTOCOL:
        return True
    if one.protocol != rule.protocol:
        return False
    if one.first == -1 or rule.protocol not in _WITH_PORTS:
        return (one.first, one.last) in {(-1, -1), (rule.first, rule.last)}
    return one.first <= rule.first and rule.last <= one.last

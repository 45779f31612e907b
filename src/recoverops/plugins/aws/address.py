"""The address `aws` of a service, as people write it: a kind, and where it is. Pure.

`ec2 id=i-0abc1234 region=eu-central-1 account=shop`, `ec2 tag:service=checkout at_most=3`, `ecs id=shop/checkout`.
Region and account may be left out when the settings have exactly one. It never says "the first one found": a filter by
tags that matches nothing, or more than `at_most`, is refused (`targets.py`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum

from recoverops.model import MisconfiguredError, Record, Service
from recoverops.plugins.aws.settings import AccountSettings

ADDRESS = "aws"
_MOST = 50


class Kind(StrEnum):
    EC2 = "ec2"
    ASG = "asg"
    ECS = "ecs"
    LAMBDA = "lambda"
    RDS = "rds"
    ELB_TARGET = "elb-target"
    ELB_LISTENER = "elb-listener"
    ELB_RULE = "elb-rule"
    EBS = "ebs"
    SG_RULE = "sg-rule"
    IAM_KEY = "iam-key"
    EIP = "eip"


_IDS = {
    Kind.EC2: (r"i-[0-9a-f]{8,17}", "i-0123456789abcdef0"),
    Kind.ASG: (r"[^\s*?/:]{1,255}", "web-group"),
    Kind.ECS: (r"[\w-]{1,255}/[\w-]{1,255}", "cluster/service"),
    Kind.LAMBDA: (r"[\w-]{1,64}", "function-name"),
    Kind.RDS: (r"[A-Za-z][\w-]{0,62}", "database-name"),
    Kind.ELB_TARGET: (r"[\w-]{1,32}/[\w.:-]{1,255}", "target-group/i-0123456789abcdef0"),
    Kind.ELB_LISTENER: (
        r"(app|net)/[\w-]{1,32}/[0-9a-f]{1,32}/[0-9a-f]{1,32}",
        "app/shop/0123456789abcdef/fedcba9876543210",
    ),
    Kind.ELB_RULE: (
        r"(app|net)/[\w-]{1,32}/[0-9a-f]{1,32}/[0-9a-f]{1,32}/[0-9a-f]{1,32}",
        "app/shop/0123456789abcdef/fedcba9876543210/0f1e2d3c4b5a6978",
    ),
    Kind.EBS: (r"vol-[0-9a-f]{8,17}", "vol-0123456789abcdef0"),
    Kind.EIP: (r"eipalloc-[0-9a-f]{8,17}", "eipalloc-0123456789abcdef0"),
    Kind.SG_RULE: (r"sg-[0-9a-f]{8,17}/sgr-[0-9a-f]{8,17}", "sg-0123456789abcdef0/sgr-0123456789abcdef0"),
    Kind.IAM_KEY: (r"([\w+=,.@-]+/)+AKIA[A-Z0-9]{12,124}", "user-name/AKIA..., with the user's path before its name"),
}
_ONLY_BY_ID = frozenset({Kind.IAM_KEY})
"""AWS has no tags for them."""


_NO_TAGS = frozenset({Kind.ELB_LISTENER, Kind.ELB_RULE})
PREFIXES = ("instance/", "service/", "function:", "db:", "targetgroup/", "listener/", "listener-rule/", "volume/")
"""What stands before the id in an ARN, by kind of resource."""


class Place(Record, frozen=True, kw_only=True):
    """An account and a region of it."""

    account: str
    """its name in the settings"""
    account_id: str
    region: str

    @property
    def partition(self) -> str:
        return partition_of(self.region)

    def __str__(self) -> str:
        return f"{self.account} ({self.account_id}) in {self.region}"


def partition_of(region: str) -> str:
    """Which of AWS's worlds a region is in, as ARNs name it."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


class Address(Record, frozen=True, kw_only=True):
    kind: Kind
    place: Place
    id: str | None = None
    """Exactly this resource; None when `tags` choose."""
    tags: Mapping[str, str] = {}
    at_most: int = 1

    @property
    def sought(self) -> str:
        """What it asks for, in words."""
        tags = ", ".join(f"{key}={value}" for key, value in sorted(self.tags.items()))
        return f"{self.kind} {self.id or f'with the tags {tags}'} of {self.place}"


def address_of(service: Service, accounts: Sequence[AccountSettings]) -> Address:
    """Raises `MisconfiguredError` with what is wrong and an example."""
    text = service.address.get(ADDRESS)
    if text is None:
        raise MisconfiguredError(
            f'service "{service.name}" has no address "{ADDRESS}"; give it one, e.g. `ec2 id=i-0123456789abcdef0`'
        )
    try:
        return _parsed(text, accounts)
    except ValueError as error:
        raise MisconfiguredError(f'service "{service.name}": aws address {text!r}: {error}') from error


def _parsed(text: str, accounts: Sequence[AccountSettings]) -> Address:
    kind_word, *words = shlex.split(text) or [""]
    if kind_word not in list(Kind):
        raise ValueError(f"it begins with {kind_word!r}, expected one of {', '.join(Kind)}")
    kind, given, tags = Kind(kind_word), dict[str, str](), dict[str, str]()
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise ValueError(f"{word!r} is not of the form key=value")
        into, name = (tags, key.removeprefix("tag:")) if key.startswith("tag:") else (given, key)
        if not name or name in into:
            raise ValueError(f"{key!r} is empty or given twice")
        into[name] = value
    unknown = sorted(given.keys() - {"id", "arn", "region", "account", "at_most"})
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not known; it knows id, arn, tag:<key>, at_most, region and account")
    return _whole(kind, given, tags, accounts)


def _whole(
    kind: Kind, given: Mapping[str, str], tags: Mapping[str, str], accounts: Sequence[AccountSettings]
) -> Address:
    if tags and kind in _ONLY_BY_ID:
        raise ValueError(f"AWS has no tags for {kind}; write id=, e.g. {_IDS[kind][1]}")
    if sum(("id" in given, "arn" in given, bool(tags))) != 1:
        raise ValueError("say exactly one of id=, arn= and tag:<key>=")
    ident, region, account_id = given.get("id"), given.get("region"), None
    if "arn" in given:
        region, account_id, ident = _of_arn(kind, given["arn"])
    if tags and kind in _NO_TAGS:
        raise ValueError(f"{kind} is named by id= or arn=; tags do not choose one")
    pattern, example = _IDS[kind]
    if ident is not None and not re.fullmatch(pattern, ident):
        raise ValueError(f"the id {ident!r} is not one of {kind}, e.g. {example}")
    at_most = given.get("at_most", "1")
    if not at_most.isdecimal() or not 1 <= int(at_most) <= _MOST:
        raise ValueError(f"at_most is {at_most!r}, expected 1 to {_MOST}")
    place = place_of(given.get("account"), account_id, region, accounts)
    return Address(kind=kind, place=place, id=ident, tags=dict(tags), at_most=int(at_most))


def _of_arn(kind: Kind, arn: str) -> tuple[str, str, str]:
    """Region, account and id."""
    match = re.fullmatch(r"arn:aws[a-z-]*:[a-z0-9-]+:([a-z0-9-]+):([0-9]{12}):(.+)", arn)
    if match is None:
        raise ValueError(f"{arn!r} is not an ARN with region and account")
    rest = match[3]
    for prefix in PREFIXES:
        rest = rest.removeprefix(prefix)
    if kind is Kind.ASG:
        rest = rest.rpartition("autoScalingGroupName/")[2]
    return match[1], match[2], rest


def place_of(
    name: str | None, account_id: str | None, region: str | None, accounts: Sequence[AccountSettings]
) -> Place:
    """The one place that is meant. Raises ValueError when that is none, or several."""
    fitting = [one for one in accounts if name in {None, one.name} and account_id in {None, one.id}]
    if len(fitting) != 1:
        known = ", ".join(f"{one.name} ({one.id})" for one in accounts)
        raise ValueError(f"it does not say which account; write account=<name>, one of: {known}")
    account = fitting[0]
    regions = account.regions if region is None else tuple(one for one in account.regions if one == region)
    if len(regions) != 1:
        what = "it does not say which region" if region is None else f"{region} is no region of account {account.name}"
        raise ValueError(f"{what}; write region=<name>, one of: {', '.join(account.regions)}")
    return Place(account=account.name, account_id=account.id, region=regions[0])

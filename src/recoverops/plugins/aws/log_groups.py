"""Which log groups there are, which service writes into each, and in which format. Pure; built once at start.

A service says so in its address `aws-logs: /ecs/shop/checkout [region=...] [account=...]`, a setting of the plugin
(`log_groups`) does, or AWS named the group after the service's Lambda function or RDS instance.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from recoverops.model import MisconfiguredError, Record, Resource, Service
from recoverops.plugins.aws.address import ADDRESS, Kind, Place, address_of, place_of
from recoverops.plugins.aws.formats import Format, format_of
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.plugins.aws.stream_settings import LogGroupSettings

LOGS_ADDRESS = "aws-logs"
_NAMED_AFTER = {
    Kind.LAMBDA: ("/aws/lambda/{id}",),
    Kind.RDS: ("/aws/rds/instance/{id}/error", "/aws/rds/instance/{id}/postgresql"),
}


class LogGroup(Record, frozen=True, kw_only=True):
    place: Place
    name: str
    format: Format
    resource: Resource | None = None

    @property
    def part(self) -> str:
        """As marks name it."""
        return f"{self.place.account}/{self.place.region}:{self.name}"

    @property
    def arn(self) -> str:
        """As IAM takes it for everything that reads events."""
        return f"arn:{self.place.partition}:logs:{self.place.region}:{self.place.account_id}:log-group:{self.name}:*"


class LogGroups:
    """All that are configured, and what others are called after."""

    def __init__(self, groups: Iterable[LogGroup], named_after: Mapping[tuple[str, str, str], Resource]) -> None:
        self.polled = tuple(sorted(groups, key=lambda one: one.part))
        self._known = {(one.place.account_id, one.place.region, one.name): one for one in self.polled}
        self._named_after = named_after

    def find(self, account_id: str, region: str, name: str) -> tuple[Resource | None, Format]:
        """Whose it is, if anybody knows, and how its lines are written."""
        key = (account_id, region, name)
        known = self._known.get(key)
        resource = known.resource if known is not None else None
        return resource or self._named_after.get(key), known.format if known is not None else format_of(name)

    @classmethod
    def of(
        cls, settings: Sequence[LogGroupSettings], services: Mapping[str, Service], accounts: Sequence[AccountSettings]
    ) -> LogGroups:
        """Raises `MisconfiguredError` with every group that nobody understands, or that two services claim."""
        found, problems = dict[str, LogGroup](), list[str]()
        named_after = _named_after(services, accounts)
        for one, owner in (*_of_settings(settings, services), *_of_addresses(services)):
            try:
                group = _group(one, services, accounts, named_after)
            except (ValueError, MisconfiguredError) as error:
                problems.append(f"{owner}: {error}")
                continue
            before = found.get(group.part)
            if (
                before is not None
                and None not in {before.resource, group.resource}
                and before.resource != group.resource
            ):
                problems.append(f"{owner}: {group.name} is {before.resource}'s already; give each its own log group")
            if before is None or before.resource is None:
                found[group.part] = group
        if problems:
            raise MisconfiguredError(*problems)
        return cls(found.values(), named_after)


def _of_settings(
    settings: Sequence[LogGroupSettings], services: Mapping[str, Service]
) -> Iterable[tuple[LogGroupSettings, str]]:
    yield from ((one, f"log_groups: {one.name}") for one in settings)


def _of_addresses(services: Mapping[str, Service]) -> Iterable[tuple[LogGroupSettings, str]]:
    for service in services.values():
        text = service.address.get(LOGS_ADDRESS)
        if text is not None:
            yield _parsed(text, service.name), f'service "{service.name}": address {LOGS_ADDRESS}'


def _parsed(text: str, service: str) -> LogGroupSettings:
    name, *words = shlex.split(text) or [""]
    given = dict(word.split("=", 1) for word in words if "=" in word)
    unknown = [word for word in words if word.partition("=")[0] not in {"account", "region", "format"}]
    if unknown or len(given) != len(words):
        raise MisconfiguredError(
            f'service "{service}": address {LOGS_ADDRESS} {text!r}: write the name of a log group, and '
            "account=, region= and format= if they are needed"
        )
    try:
        return LogGroupSettings.model_validate({"name": name, "service": service, **given})
    except ValueError as error:
        told = str(error).splitlines()[2].strip() if len(str(error).splitlines()) > 2 else str(error)
        raise MisconfiguredError(f'service "{service}": address {LOGS_ADDRESS} {text!r}: {told}') from error


def _group(
    one: LogGroupSettings,
    services: Mapping[str, Service],
    accounts: Sequence[AccountSettings],
    named_after: Mapping[tuple[str, str, str], Resource],
) -> LogGroup:
    if one.service is not None and one.service not in services:
        known = ", ".join(sorted(services)) or "none"
        raise ValueError(f'there is no service "{one.service}"; the inventory has: {known}')
    place = place_of(one.account, None, one.region, accounts)
    resource = services[one.service].resource if one.service is not None else None
    resource = resource or named_after.get((place.account_id, place.region, one.name))
    format_ = Format(one.format) if one.format is not None else format_of(one.name)
    return LogGroup(place=place, name=one.name, format=format_, resource=resource)


def _named_after(
    services: Mapping[str, Service], accounts: Sequence[AccountSettings]
) -> dict[tuple[str, str, str], Resource]:
    found: dict[tuple[str, str, str], Resource] = {}
    for service in services.values():
        if ADDRESS not in service.address:
            continue
        address = address_of(service, accounts)
        for pattern in _NAMED_AFTER.get(address.kind, ()) if address.id is not None else ():
            key = (address.place.account_id, address.place.region, pattern.format(id=address.id))
            found[key] = service.resource
    return found

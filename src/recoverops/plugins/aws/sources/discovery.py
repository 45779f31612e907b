"""Which CloudWatch metrics there are of the services: one walk through each namespace, 500 metrics a call.

Never a call for each metric or each service: 5,000 metrics of a namespace are ten calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recoverops.model import Resource, Service
from recoverops.plugins.aws.address import ADDRESS, Place, address_of
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.settings import AccountSettings, WatchSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One metric of one service."""

    watch: WatchSettings
    resource: Resource
    dimensions: Mapping[str, str]


def discover(
    calls: Calls,
    place: Place,
    watched: Sequence[WatchSettings],
    services: Mapping[str, Service],
    *,
    accounts: Sequence[AccountSettings],
) -> tuple[Found, ...]:
    """In a fixed order. Raises what `calls` raises."""
    names = names_of(services, place, accounts)
    found: dict[tuple[Resource, str], Found] = {}
    for namespace in sorted({one.namespace for one in watched}):
        own = [one for one in watched if one.namespace == namespace]
        asked = {"Namespace": namespace}
        if len({one.name for one in own}) == 1:
            asked["MetricName"] = own[0].name
        listed = calls.pages(place, "cloudwatch:ListMetrics", "Metrics", **asked)
        found |= {(one.resource, one.watch.metric): one for one in matching(listed, own, names)}
    return tuple(found[key] for key in sorted(found, key=lambda key: (str(key[0]), key[1])))


def names_of(services: Mapping[str, Service], place: Place, accounts: Sequence[AccountSettings]) -> dict[str, Resource]:
    """What a dimension may say -> the service it means. Two services of the same id: neither is meant. Pure."""
    claims: dict[str, set[Resource]] = {}
    for service in services.values():
        if ADDRESS not in service.address:
            claims.setdefault(service.name, set()).add(service.resource)
            continue
        address = address_of(service, accounts)
        if address.place != place:
            continue
        claims.setdefault(service.name, set()).add(service.resource)
        if address.id is not None:
            claims.setdefault(address.id.rpartition("/")[2], set()).add(service.resource)
    return {name: next(iter(meant)) for name, meant in claims.items() if len(meant) == 1}


def matching(
    listed: Iterable[Mapping[str, Any]], watched: Sequence[WatchSettings], names: Mapping[str, Resource]
) -> Iterable[Found]:
    """Those of the listed metrics that are watched and mean a service. Pure."""
    by_name: dict[str, list[WatchSettings]] = {}
    for watch in watched:
        by_name.setdefault(watch.name, []).append(watch)
    for metric in listed:
        dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}
        for watch in by_name.get(metric["MetricName"], ()):
            resource = names.get(dimensions.get(watch.dimension, ""))
            rest = {name: value for name, value in dimensions.items() if name != watch.dimension}
            if resource is not None and rest == watch.others:
                yield Found(watch=watch, resource=resource, dimensions=dimensions)

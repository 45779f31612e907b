"""What there is to watch and to act on. Pure; built once at start from the list `services:`.

Outside text is resolved here and nowhere else: an alert's labels either name a service of the inventory, or no action.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from recoverops.model import MisconfiguredError, Resource, ResourceKind, Service
from recoverops.topology.settings import ServiceSettings


class Inventory:
    def __init__(self, services: Iterable[Service]) -> None:
        self._services: dict[str, Service] = {}
        for service in services:
            if service.name in self._services:
                raise MisconfiguredError(
                    f'services: "{service.name}" is listed twice; give each service one entry with one name'
                )
            self._services[service.name] = service

        for service in self._services.values():
            for needed in service.depends_on:
                if needed not in self._services:
                    what = f'services: "{service.name}" depends on "{needed}", which is not in the list'
                    raise MisconfiguredError(f"{what}; add that service, or leave it out")
        self._groups = _by_group(self._services.values())
        self._by_label = _by_label(self._services.values())

    @classmethod
    def of(cls, settings: Iterable[ServiceSettings]) -> Inventory:
        return cls(
            Service(
                name=one.name,
                group=one.group or one.name,
                address=one.address,
                depends_on=one.depends_on,
                match=one.match or {"service": one.name},
            )
            for one in settings
        )

    @property
    def services(self) -> Mapping[str, Service]:
        return self._services

    def find(self, resource: Resource) -> Service | None:
        return self._services.get(resource.name) if resource.kind is ResourceKind.SERVICE else None

    def members(self, group: str) -> tuple[Service, ...]:
        return self._groups.get(group, ())

    def matching(self, labels: Mapping[str, str]) -> tuple[Service, ...]:
        """Every service whose `match` labels all equal the alert's; the most demanding matches only.

        One: that is it. None or several: the alert names nothing that may be acted on.
        """
        found = [
            service
            for label in (_ANY, *labels.items())
            for service in self._by_label.get(label, ())
            if all(labels.get(key) == value for key, value in service.match.items())
        ]
        most = max((len(service.match) for service in found), default=0)
        return tuple(service for service in found if len(service.match) == most)


_ANY = ("", "")
"""Stands in for the label of a service that demands none."""


def _by_group(services: Iterable[Service]) -> Mapping[str, tuple[Service, ...]]:
    groups: defaultdict[str, list[Service]] = defaultdict(list)
    for service in services:
        groups[service.group].append(service)
    return {name: tuple(members) for name, members in groups.items()}


def _by_label(services: Collection[Service]) -> Mapping[tuple[str, str], tuple[Service, ...]]:
    """Each service under the rarest of the labels that it demands: an alert without that one cannot mean it."""
    demanded = Counter(label for service in services for label in service.match.items())
    found: defaultdict[tuple[str, str], list[Service]] = defaultdict(list)
    for service in services:
        rarest = min(service.match.items(), key=demanded.__getitem__, default=_ANY)
        found[rarest].append(service)
    return {label: tuple(some) for label, some in found.items()}

"""Whether each service with a systemd unit runs, as systemd says: one call of `systemctl show` a poll.

The metric is 1 while the unit is active and 0 otherwise. A unit on its way up or down is not active, and one that
waits to be started again automatically is not either: both pass in a planned restart, which is what a threshold's
duration is for. A unit that systemd calls active without a process (`active (exited)`, `Type=oneshot`) has no value:
nobody knows whether its service runs. `known_units` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from recoverops.model import MisconfiguredError, Sample, Service, UnreachableError
from recoverops.plugins.linux.systemctl import Systemctl
from recoverops.plugins.linux.units import ADDRESS, Unit, unit_name
from recoverops.ports import Clock

METRIC = "service.running"
NAME = "systemd"


class UnitSource:
    """Implements `ports.Source`. Services without a systemd address are left out."""

    name = NAME

    def __init__(
        self, systemctl: Systemctl, services: Mapping[str, Service], *, clock: Clock, every: timedelta
    ) -> None:
        """Raises `MisconfiguredError` naming every address that is not the name of one unit."""
        self._systemctl = systemctl
        self._clock = clock
        self.every = every
        self._named = _named([service for service in services.values() if ADDRESS in service.address])

    def poll(self) -> tuple[Sample, ...]:
        units = self._systemctl.all([name for _, name in self._named])
        now = self._clock.now()
        looked = (sample_of(service, units[name], at=now) for service, name in self._named)
        samples = tuple(sample for sample in looked if sample is not None)
        if self._named and not samples:
            raise UnreachableError(f"systemd says of no unit whether it runs; {units[self._named[0][1]].why_silent}")
        return samples


def _named(services: list[Service]) -> tuple[tuple[Service, str], ...]:
    found: list[tuple[Service, str]] = []
    problems: list[str] = []
    for service in services:
        try:
            found.append((service, unit_name(service)))
        except MisconfiguredError as error:
            problems += error.problems
    if problems:
        raise MisconfiguredError(*problems)
    return tuple(found)


def sample_of(service: Service, unit: Unit, *, at: datetime) -> Sample | None:
    """1 when it runs, 0 with the reason otherwise, as for one that does not exist. None: systemd does not say. Pure."""
    if unit.is_silent:
        return None
    value = 1.0 if unit.is_alive else 0.0
    return Sample(
        resource=service.resource,
        metric=METRIC,
        value=value,
        at=at,
        source=NAME,
        detail=f"{unit.name} {unit.statement}",
    )

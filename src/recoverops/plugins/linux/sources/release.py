"""How long ago each service's release was switched: `release.age`, from the link under its address `release`.

Each switch that it sees is remembered beside the link (`recoverops.plugins.linux.releases`), so that the action
`switch-release` knows where to go back to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from recoverops.model import MisconfiguredError, PermanentError, Sample, Service, UnreachableError
from recoverops.plugins.linux.releases import ADDRESS, Releases, current_of, link_of
from recoverops.ports import Clock
from recoverops.redact import redact

METRIC = "release.age"
NAME = "release"


class ReleaseSource:
    """Implements `ports.Source`. A link that is not there is left out; when none is, nothing is known."""

    name = NAME

    def __init__(self, services: Mapping[str, Service], releases: Releases, *, clock: Clock, every: timedelta) -> None:
        self._services = tuple(service for service in services.values() if ADDRESS in service.address)
        self._releases = releases
        self._clock = clock
        self.every = every

    def poll(self) -> tuple[Sample, ...]:
        samples: list[Sample] = []
        problem: UnreachableError | PermanentError | MisconfiguredError | None = None
        for service in self._services:
            try:
                samples.append(self._sample(service))
            except (UnreachableError, PermanentError, MisconfiguredError) as error:
                problem = error
        if problem is not None and not samples:
            raise UnreachableError(f"no release link can be read: {problem}") from problem
        return tuple(samples)

    def _sample(self, service: Service) -> Sample:
        current, now = current_of(link_of(service)), self._clock.now()
        self._releases.note(current.link, current.name, by="seen", at=current.since)
        before = self._releases.before(current) or "unknown"
        return Sample(
            resource=service.resource,
            metric=METRIC,
            value=max(0.0, (now - current.since).total_seconds()),
            at=now,
            source=NAME,
            detail=redact(f"{current.name} since {current.since:%H:%M:%SZ}, before: {before}"),
        )

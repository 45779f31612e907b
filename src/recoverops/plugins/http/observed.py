"""The source `observation`: which services are observed closer now. It also ends what has lasted long enough.

That is the one thing that it changes, and only back: to the state that the approved action noted before it began.
"""

from __future__ import annotations

from datetime import timedelta

from recoverops.model import Sample, Service
from recoverops.plugins.http.observations import Observations
from recoverops.ports import Clock
from recoverops.redact import redact

METRIC = "observation.raised"
NAME = "observation"


class ObservationSource:
    """Implements `ports.Source`."""

    name = NAME

    def __init__(
        self, observations: Observations, services: tuple[Service, ...], *, every: timedelta, clock: Clock
    ) -> None:
        self._observations = observations
        self._services = services
        self._clock = clock
        self.every = every

    def poll(self) -> tuple[Sample, ...]:
        """1 while a service is observed closer, 0 otherwise."""
        troubles = self._observations.restore_due()
        details = {name: f"could not be restored yet: {redact(why)}" for name, why in troubles.items()}
        notes, now = self._observations.notes(), self._clock.now()
        return tuple(
            Sample(
                resource=service.resource,
                metric=METRIC,
                value=1.0 if service.name in notes else 0.0,
                at=now,
                source=NAME,
                detail=details.get(service.name, ""),
            )
            for service in self._services
        )

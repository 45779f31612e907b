"""What the log of each service says: error lines, and lines with the sign of a known trouble, over the last seconds.

Tails the file under the address `log`; never older lines than the first poll. A metric is 0 while its lines are absent
and the file is there; without the file nothing is known and nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from recoverops.loglines import Windows, metrics_of
from recoverops.model import Sample, Service, UnreachableError
from recoverops.plugins.linux.sources.tail import Tail
from recoverops.ports import Clock

ADDRESS = "log"
NAME = "log-files"


class LogSource:
    """Implements `ports.Source`."""

    name = NAME

    def __init__(self, services: Mapping[str, Service], *, clock: Clock, every: timedelta, bytes_a_poll: int) -> None:
        self._services = tuple(service for service in services.values() if ADDRESS in service.address)
        self._clock = clock
        self._tails = {
            service.name: Tail(service.address[ADDRESS], bytes_a_call=bytes_a_poll) for service in self._services
        }
        self._counts = {service.name: Windows() for service in self._services}
        self.every = every

    def poll(self) -> tuple[Sample, ...]:
        samples: list[Sample] = []
        problem = None
        for service in self._services:
            try:
                lines = self._tails[service.name].read()
            except OSError as error:
                problem = f"{service.address[ADDRESS]} of {service.name}: {(error.strerror or str(error)).lower()}"
                continue
            if lines is None:
                problem = f"{service.address[ADDRESS]} of {service.name} does not exist (yet)"
                continue
            samples += self._of(service, lines)
        if problem is not None and not samples:
            raise UnreachableError(f"no log file can be read; {problem}")
        return tuple(samples)

    def _of(self, service: Service, lines: list[str]) -> list[Sample]:
        at_s, now, counts = self._clock.monotonic(), self._clock.now(), self._counts[service.name]
        counts.take(((metrics_of(line), line) for line in lines), at_s=at_s)
        return [
            Sample(resource=service.resource, metric=metric, value=float(count), at=now, source=NAME, detail=detail)
            for metric, count, detail in counts.now(at_s)
        ]

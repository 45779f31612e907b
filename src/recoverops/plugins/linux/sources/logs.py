"""What the log of each service says: error lines, and lines with the sign of a known trouble, over the last seconds.

Tails the file under the address `log`; never older lines than the first poll. A metric is 0 while its lines are absent
and the file is there; without the file nothing is known and nothing is said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import timedelta

from recoverops.model import Sample, Service, UnreachableError
from recoverops.plugins.linux.answers import cut
from recoverops.plugins.linux.sources.signatures import ERRORS, METRICS, metrics_of
from recoverops.plugins.linux.sources.tail import Tail
from recoverops.ports import Clock
from recoverops.redact import redact

ADDRESS = "log"
NAME = "log-files"
ERRORS_S = 10.0
SIGNS_S = 15.0
_LONGEST_DETAIL = 200


class Counts:
    """How many lines each metric had in its window, and the last of them."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {metric: deque() for metric in METRICS}
        self._last: dict[str, str] = {}

    def take(self, lines: Iterable[str], *, at_s: float) -> None:
        found: dict[str, int] = {}
        for line in lines:
            for metric in metrics_of(line):
                found[metric] = found.get(metric, 0) + 1
                self._last[metric] = line
        for metric, count in found.items():
            self._seen[metric].append((at_s, count))

    def now(self, at_s: float) -> Iterable[tuple[str, int, str]]:
        """metric, lines in its window, the last such line redacted."""
        for metric, seen in self._seen.items():
            window_s = ERRORS_S if metric == ERRORS else SIGNS_S
            while seen and seen[0][0] <= at_s - window_s:
                seen.popleft()
            if not seen:
                self._last.pop(metric, None)
            yield metric, sum(count for _, count in seen), shown(self._last.get(metric, ""))


class LogSource:
    """Implements `ports.Source`."""

    name = NAME

    def __init__(self, services: Mapping[str, Service], *, clock: Clock, every: timedelta, bytes_a_poll: int) -> None:
        self._services = tuple(service for service in services.values() if ADDRESS in service.address)
        self._clock = clock
        self._tails = {
            service.name: Tail(service.address[ADDRESS], bytes_a_call=bytes_a_poll) for service in self._services
        }
        self._counts = {service.name: Counts() for service in self._services}
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
        counts.take(lines, at_s=at_s)
        return [
            Sample(resource=service.resource, metric=metric, value=float(count), at=now, source=NAME, detail=detail)
            for metric, count, detail in counts.now(at_s)
        ]


def shown(line: str) -> str:
    """A line for people: printable, redacted, at most 200 characters. Pure."""
    clean = "".join(character if character.isprintable() else " " for character in line[:2000])
    return cut(redact(" ".join(clean.split())), _LONGEST_DETAIL)

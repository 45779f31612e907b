"""Access logs of Application Load Balancers as samples of services. Pure.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html. Each node of a load
balancer writes an object for five minutes. A sample is of one target group and one such window, of the lines that were
read together: rate, share of 5xx, and the 95th percentile of the time to answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from recoverops.model import Record, Resource, Sample
from recoverops.plugins.aws.owners import Owners

WINDOW = timedelta(minutes=5)
RATE, ERRORS, SLOW = "http.server.request.rate", "http.server.error_ratio", "http.server.duration.p95"
LONGEST_LINE = 16_384
"""A request line and a user agent are each cut at 8 KiB by the load balancer."""

_NUMBER = r"(-?[0-9.]+|-)"
_LINE = re.compile(
    rf"^(?:http|https|h2|grpcs|ws|wss) (\S+) \S+ \S+ \S+ {_NUMBER} {_NUMBER} {_NUMBER} ([0-9]{{3}}|-) (?:[0-9]{{3}}|-) "
    r'-?[0-9]+ -?[0-9]+ "[^"]*" "[^"]*" \S+ \S+ (\S+)'
)


class Request(Record, frozen=True, kw_only=True):
    at: datetime
    target_group: str
    """ARN; `-` when no target group was to answer"""
    status: int
    took_s: float | None
    """None when no target answered."""


def requests_in(lines: Iterable[str]) -> Iterator[Request | None]:
    """None for a line that is not of this format."""
    for line in lines:
        yield request_of(line)


def request_of(line: str) -> Request | None:
    match = _LINE.match(line)
    if match is None:
        return None
    try:
        at = datetime.fromisoformat(match[1])
        parts = [float(match[number]) for number in (2, 3, 4) if match[number] != "-"]
        status = int(match[5]) if match[5] != "-" else 0
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    took_s = math.fsum(parts) if len(parts) == 3 and min(parts) >= 0 else None
    return Request(at=at.astimezone(UTC), target_group=match[6], status=status, took_s=took_s)


class Tally:
    """Counts requests by service and window."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self._services: dict[str, Resource | None] = {}
        self._found: dict[tuple[Resource, datetime], list[Request]] = {}

    def add(self, request: Request) -> None:
        """Requests to a target group of no service are left out."""
        group = request.target_group
        if group not in self._services:
            self._services[group] = self._service_of(group)
        resource = self._services[group]
        if resource is not None:
            self._found.setdefault((resource, window_of(request.at)), []).append(request)

    def samples(self, *, source: str) -> tuple[Sample, ...]:
        """At the end of each window."""
        found: list[Sample] = []
        for (resource, ends), requests in sorted(self._found.items(), key=lambda one: (one[0][1], str(one[0][0]))):
            bad = sum(one.status >= 500 for one in requests)
            values = {RATE: len(requests) / WINDOW.total_seconds(), ERRORS: bad / len(requests)}
            took = sorted(one.took_s for one in requests if one.took_s is not None)
            if took:
                values[SLOW] = took[math.ceil(0.95 * len(took)) - 1]
            detail = f"{len(requests)} requests, {bad} of them 5xx, from {ends - WINDOW:%H:%M} to {ends:%H:%M} UTC"
            found += (
                Sample(resource=resource, metric=metric, value=value, at=ends, source=source, detail=detail)
                for metric, value in values.items()
            )
        return tuple(found)

    def _service_of(self, arn: str) -> Resource | None:
        parts = arn.split(":")
        if len(parts) != 6 or not parts[5].startswith("targetgroup/"):
            return None
        service = self._owners.of_dimensions([{"TargetGroup": parts[5]}], account=parts[4], region=parts[3])
        return None if service is None else service.resource


def window_of(at: datetime) -> datetime:
    """The end of the window of five minutes that it is in."""
    seconds = int(WINDOW.total_seconds())
    return datetime.fromtimestamp((int(at.timestamp()) // seconds + 1) * seconds, UTC)

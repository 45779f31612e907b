"""The source `cloudwatch-metrics`: values of CloudWatch metrics as samples of services.

What metrics there are is asked every `discover_every` (`discovery.py`), their values at every poll, 500 in a call.
Each poll reads the last `late` again, because values arrive minutes late; a series is reported when its newest value is
newer than the one reported before, or has changed. A metric without a value says nothing: that is not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from recoverops.model import RecoverOpsError, Resource, Sample, Service, UnreachableError
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.settings import AccountSettings, MetricsSettings
from recoverops.plugins.aws.sources.discovery import Found, discover
from recoverops.ports import Clock
from recoverops.redact import redact

NAME = "cloudwatch-metrics"
BATCH = 500
"""Queries that one GetMetricData takes."""
_CALL = "cloudwatch:GetMetricData"
_NONE = "AWS has no resource-level permission for it"

GRANTS = (
    Grant(
        action="cloudwatch:ListMetrics", why="to find the metrics that are watched", no_resource=_NONE, changes=False
    ),
    Grant(action=_CALL, why="to read their values", no_resource=_NONE, changes=False),
)


class MetricsSource:
    """Implements `ports.Source`."""

    name = NAME

    def __init__(
        self,
        calls: Calls,
        services: Mapping[str, Service],
        accounts: Sequence[AccountSettings],
        *,
        settings: MetricsSettings,
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._services = services
        self._places = [
            Place(account=one.name, account_id=one.id, region=region) for one in accounts for region in one.regions
        ]
        self._accounts = accounts
        self._settings = settings
        self._clock = clock
        self._found: dict[Place, tuple[Found, ...]] = {}
        self._discovered_at: dict[Place, float] = {}
        self._reported: dict[tuple[Resource, str], tuple[datetime, float]] = {}

    @property
    def every(self) -> timedelta:
        return self._settings.every

    def poll(self) -> tuple[Sample, ...]:
        """Raises `UnreachableError`, or what AWS refused, when no place answered; else the places that did are told."""
        samples: list[Sample] = []
        failures: list[RecoverOpsError] = []
        for place in self._places:
            try:
                samples += self._poll_place(place)
            except RecoverOpsError as error:
                failures.append(error)
        if len(failures) == len(self._places):
            told = redact("; ".join(dict.fromkeys(map(str, failures))))
            raise UnreachableError(f"CloudWatch gave no values: {told}") from failures[0]
        return tuple(self._news(samples))

    def _poll_place(self, place: Place) -> list[Sample]:
        now = self._clock.monotonic()
        at = self._discovered_at.get(place)
        if at is None or now - at >= self._settings.discover_every.total_seconds():
            self._found[place] = discover(
                self._calls, place, self._settings.watch, self._services, accounts=self._accounts
            )
            self._discovered_at[place] = now
        return [sample for batch in batches(self._found[place]) for sample in self._values(place, batch)]

    def _values(self, place: Place, batch: Sequence[Found]) -> Iterator[Sample]:
        """The newest value of each; none for those that have none."""
        period_s = int(self._settings.period.total_seconds())
        end = whole_period(self._clock.now(), period_s)
        results = self._calls.pages(
            place,
            _CALL,
            "MetricDataResults",
            MetricDataQueries=[query(number, one, period_s) for number, one in enumerate(batch)],
            StartTime=end - self._settings.late,
            EndTime=end,
            ScanBy="TimestampDescending",
        )
        newest: dict[int, tuple[datetime, float]] = {}
        for result in results:
            number = int(result["Id"][1:])
            for stamp, value in zip(result["Timestamps"], result["Values"], strict=True):
                at = stamp.astimezone(UTC)
                if number not in newest or at > newest[number][0]:
                    newest[number] = (at, float(value))
        for number, (at, value) in newest.items():
            one = batch[number]
            yield Sample(
                resource=one.resource,
                metric=one.watch.metric,
                value=value * one.watch.scale,
                at=at,
                source=NAME,
                detail=f"{one.watch.stat} of {one.watch.namespace} {one.watch.name} in {place.region}",
            )

    def _news(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        for sample in samples:
            key, seen = (sample.resource, sample.metric), (sample.at, sample.value)
            before = self._reported.get(key)
            if before is None or sample.at > before[0] or (sample.at == before[0] and sample.value != before[1]):
                self._reported[key] = seen
                yield sample


def batches(found: Sequence[Found]) -> Iterator[Sequence[Found]]:
    """In full batches, the last one excepted. Pure."""
    left = iter(found)
    while batch := tuple(islice(left, BATCH)):
        yield batch


def whole_period(now: datetime, period_s: int) -> datetime:
    """The end of the last period that is over: the one that runs would be a part of a value. Pure."""
    return datetime.fromtimestamp(int(now.timestamp()) // period_s * period_s, UTC)


def query(number: int, found: Found, period_s: int) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in sorted(found.dimensions.items())]
    metric = {"Namespace": found.watch.namespace, "MetricName": found.watch.name, "Dimensions": dimensions}
    return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": period_s, "Stat": found.watch.stat}}

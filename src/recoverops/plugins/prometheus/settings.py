"""The prometheus plugin's part of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from recoverops.model import Duration

RATE = "http.server.request.rate"
ERROR_RATIO = "http.server.error_ratio"
DURATION = "http.server.duration"

_FOREIGN = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"
_OWN = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$"

ForeignName = Annotated[str, Field(pattern=_FOREIGN, max_length=200)]
OwnName = Annotated[str, Field(pattern=_OWN, max_length=100)]


class ScrapeSettings(BaseModel):
    """How the services that have a `metrics` address are scraped, and what their metrics are called."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    every: Duration = Field(
        default=timedelta(seconds=2),
        ge=timedelta(milliseconds=100),
        le=timedelta(hours=1),
        description="How often every service is scraped, 100ms to 1h; rates are over the last two scrapes. Default 2s: "
        "short enough to see an error burst at once, and a page of metrics costs a service a few milliseconds.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=2),
        ge=timedelta(milliseconds=50),
        le=timedelta(seconds=9),
        description="How long a page may take, 50ms to 9s. A slow service does not hold up the others. Default 2s.",
    )
    max_bytes: int = Field(
        default=8 * 1024 * 1024,
        ge=1024,
        le=256 * 1024 * 1024,
        description="Largest page, in bytes; a longer one counts as none. Default 8 MiB: some 80,000 series.",
    )
    requests: ForeignName = Field(
        default="http_requests_total",
        description="The counter of requests, for http.server.request.rate and http.server.error_ratio. "
        "Default http_requests_total, the name in Prometheus' own examples.",
    )
    status_labels: tuple[str, ...] = Field(
        default=("code", "status"),
        min_length=1,
        strict=False,
        description="Labels of that counter which may carry the HTTP status; the first one present counts, and "
        "statuses that begin with 5 are errors. Default code and status; without such a label there is no error ratio.",
    )
    duration_sum: ForeignName = Field(
        default="http_request_duration_seconds_sum",
        description="The counter of seconds spent on requests, for http.server.duration. "
        "Default http_request_duration_seconds_sum, of the usual histogram or summary.",
    )
    duration_count: ForeignName = Field(
        default="http_request_duration_seconds_count",
        description="The counter of requests behind `duration_sum`. Default http_request_duration_seconds_count.",
    )
    gauges: Mapping[ForeignName, OwnName] = Field(
        default={"db_pool_in_use": "db.pool.in_use", "db_pool_size": "db.pool.size"},
        description="Gauges that are passed on, as `name on the page: name here`; a gauge with several series is "
        "summed up. Default the connections of a database pool: db_pool_in_use and db_pool_size.",
    )

    @field_validator("gauges")
    @classmethod
    def _gauges_distinct(cls, gauges: Mapping[str, str]) -> Mapping[str, str]:
        names = list(gauges.values())
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two gauges would be called {name}; give each its own name")
            if name in {RATE, ERROR_RATIO, DURATION}:
                raise ValueError(f"{name} is computed from counters; give the gauge another name")
        return gauges

    @property
    def wanted(self) -> frozenset[str]:
        """The names that are looked for on a page."""
        return frozenset({self.requests, self.duration_sum, self.duration_count, *self.gauges})


class QuerySettings(BaseModel):
    """One PromQL query whose answer becomes samples."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    metric: OwnName = Field(
        description="What the answer is called here, e.g. http.server.error_ratio. No default: it is what rules and "
        "thresholds ask for.",
    )
    query: str = Field(
        min_length=1,
        max_length=10_000,
        description="PromQL that gives an instant vector with one element a service. No default. Example: "
        "sum by (service) (rate(http_requests_total[1m])).",
    )
    service_label: str = Field(
        default="service",
        pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$",
        description="The label that names the service of the inventory. Default service. An element whose label names "
        "none is matched as an alert would be, by the service's `match`, or else left out.",
    )


class ServerSettings(BaseModel):
    """One Prometheus that is queried."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    url: str = Field(
        min_length=1,
        description="Where it is, with its path prefix if it has one, e.g. http://127.0.0.1:9090. No default: without "
        "a server nothing is queried.",
    )
    bearer: str | None = Field(
        default=None,
        description="Where its bearer token is: env:NAME or file:/path. Default none: no token is sent.",
    )
    every: Duration = Field(
        default=timedelta(seconds=15),
        ge=timedelta(milliseconds=100),
        le=timedelta(hours=1),
        description="How often every query is asked, 100ms to 1h. Default 15s, the usual scrape interval: asking more "
        "often gives the same answer again.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=5),
        ge=timedelta(milliseconds=50),
        le=timedelta(seconds=9),
        description="How long an answer may take, 50ms to 9s; Prometheus itself stops the query then. Default 5s.",
    )
    max_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=1024,
        le=256 * 1024 * 1024,
        description="Largest answer, in bytes; a longer one counts as none. Default 32 MiB: some 100,000 series.",
    )
    max_age: Duration = Field(
        default=timedelta(minutes=1),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="A value whose own time is further away from ours than this is left out as stale: a cache "
        "answered, or a clock is wrong. Default 1m: more than any healthy server needs.",
    )
    queries: tuple[QuerySettings, ...] = Field(
        default=(),
        max_length=64,
        strict=False,
        description="What is asked, at most 64. Default nothing: then the source `prometheus` is not there.",
    )

    @field_validator("queries")
    @classmethod
    def _distinct(cls, queries: tuple[QuerySettings, ...]) -> tuple[QuerySettings, ...]:
        metrics = [one.metric for one in queries]
        twice = sorted({metric for metric in metrics if metrics.count(metric) > 1})
        if twice:
            raise ValueError(f"the metric {twice[0]} has several queries; join them with `or` in one query")
        return queries


class PrometheusSettings(BaseModel):
    """What is taken from Prometheus, from its Alertmanager, and from services that speak its text format."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_alerts: int = Field(
        default=10_000,
        ge=1,
        le=100_000,
        description="Alerts that one delivery may carry, 1 to 100000; a larger one is refused as a whole, so that the "
        "sender sees it. Default 10000: many times what a group of one Alertmanager holds in a bad hour.",
    )
    same_alert_within: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(seconds=1),
        le=timedelta(days=1),
        description="For alerts that are sent to /api/v2/alerts without `startsAt`, as amtool does: the same labels "
        "again within this time are the same alert, later they are a new one. Default 5m, as Alertmanager's "
        "resolve_timeout.",
    )
    scrape: ScrapeSettings = Field(
        default=ScrapeSettings(),
        description="The source `scrape`. Default: every service that has a `metrics` address, every two seconds.",
    )
    server: ServerSettings | None = Field(
        default=None,
        description="The source `prometheus`: PromQL queries to a Prometheus server. Default none: nothing is queried.",
    )

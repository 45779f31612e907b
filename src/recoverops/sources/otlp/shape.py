"""OTLP's metrics request as far as it is used: the JSON names of these fields are the specification's.

What is not listed is ignored (descriptions, units, scopes, exemplars, buckets, quantiles). `binary.py` and JSON make
the same objects. https://github.com/open-telemetry/opentelemetry-proto (metrics/v1)
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec


class Temporality(IntEnum):
    UNSPECIFIED = 0
    DELTA = 1
    CUMULATIVE = 2


class Part(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """Base: camelCase on the wire, unknown fields ignored."""


class Value(Part, frozen=True):
    """At most one is set. Whole numbers come as texts in JSON."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    array_value: Any = None
    kvlist_value: Any = None
    bytes_value: Any = None


class Attribute(Part, frozen=True):
    key: str = ""
    value: Value | None = None


class NumberPoint(Part, frozen=True):
    attributes: tuple[Attribute, ...] = ()
    start_time_unix_nano: int | str = 0
    time_unix_nano: int | str = 0
    as_double: float | str | None = None
    as_int: int | str | None = None
    flags: int = 0


class SumPoint(Part, frozen=True):
    """How many, and how much together. The three that have it differ in the numbers of their fields only."""

    attributes: tuple[Attribute, ...] = ()
    start_time_unix_nano: int | str = 0
    time_unix_nano: int | str = 0
    count: int | str = 0
    sum: float | str | None = None
    flags: int = 0


class HistogramPoint(SumPoint, frozen=True):
    pass


class ExponentialPoint(SumPoint, frozen=True):
    pass


class SummaryPoint(SumPoint, frozen=True):
    pass


class Gauge(Part, frozen=True):
    data_points: tuple[NumberPoint, ...] = ()


class Sum(Part, frozen=True):
    data_points: tuple[NumberPoint, ...] = ()
    aggregation_temporality: int = 0
    is_monotonic: bool = False


class Histogram(Part, frozen=True):
    data_points: tuple[HistogramPoint, ...] = ()
    aggregation_temporality: int = 0


class ExponentialHistogram(Part, frozen=True):
    data_points: tuple[ExponentialPoint, ...] = ()
    aggregation_temporality: int = 0


class Summary(Part, frozen=True):
    data_points: tuple[SummaryPoint, ...] = ()


class Metric(Part, frozen=True):
    name: str = ""
    gauge: Gauge | None = None
    sum: Sum | None = None
    histogram: Histogram | None = None
    exponential_histogram: ExponentialHistogram | None = None
    summary: Summary | None = None


class Resource(Part, frozen=True):
    attributes: tuple[Attribute, ...] = ()


class ScopeMetrics(Part, frozen=True):
    metrics: tuple[Metric, ...] = ()


class ResourceMetrics(Part, frozen=True):
    resource: Resource | None = None
    scope_metrics: tuple[ScopeMetrics, ...] = ()


class MetricsRequest(Part, frozen=True):
    resource_metrics: tuple[ResourceMetrics, ...] = ()

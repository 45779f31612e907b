"""The data points of a request, each as labels, kind, time and value, or as the reason why it is none. Pure.

Names follow Prometheus: a histogram or summary `x` becomes `x_count` and `x_sum`. The labels are the point's attributes
and those of the resource that say where it comes from; `service.name` is `service` too, so that the inventory finds it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from recoverops.model.pushed import Kind
from recoverops.sources.otlp.shape import (
    Attribute,
    Metric,
    MetricsRequest,
    NumberPoint,
    SumPoint,
    Temporality,
)
from recoverops.sources.series_table import NAME

IDENTITY: Final = (
    "service.namespace",
    "service.name",
    "service.instance.id",
    "host.name",
    "k8s.namespace.name",
    "k8s.pod.name",
)
"""Resource attributes that become labels; the others describe the resource and do not tell two of them apart."""
_NO_RECORDED_VALUE: Final = 1
"""flag of a point: the series has ended"""
_NANO: Final = 1e9


class Row(NamedTuple):
    labels: dict[str, str]
    kind: Kind
    at: float
    """seconds since the epoch"""
    value: float
    stale: bool


class UnusableError(ValueError):
    """This data point is refused; the others are not."""


def rows(request: MetricsRequest) -> Iterator[Row | UnusableError]:
    """In the order of the request. A histogram's point is two rows, or one that is refused."""
    for resource in request.resource_metrics:
        attributes = resource.resource.attributes if resource.resource else ()
        where, wrong = _resource_labels(attributes)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for one in _of_metric(metric, where):
                    yield one if wrong is None else wrong


def _of_metric(metric: Metric, where: Mapping[str, str]) -> Iterator[Row | UnusableError]:
    if metric.gauge is not None:
        yield from _numbers(metric.name, metric.gauge.data_points, where, Kind.GAUGE)
    elif metric.sum is not None:
        kind = _kind(metric.sum.aggregation_temporality, is_monotonic=metric.sum.is_monotonic)
        yield from _numbers(metric.name, metric.sum.data_points, where, kind)
    elif metric.summary is not None:
        yield from _sums(metric.name, metric.summary.data_points, where, Kind.COUNTER)
    else:
        for histogram in (metric.histogram, metric.exponential_histogram):
            if histogram is not None:
                kind = _kind(histogram.aggregation_temporality, is_monotonic=True)
                yield from _sums(metric.name, histogram.data_points, where, kind)


def _kind(temporality: int, *, is_monotonic: bool) -> Kind | None:
    """None: the request does not say what its numbers mean."""
    if temporality == Temporality.DELTA:
        return Kind.RATE
    if temporality == Temporality.CUMULATIVE:
        return Kind.COUNTER if is_monotonic else Kind.GAUGE
    return None


def _numbers(
    name: str, points: tuple[NumberPoint, ...], where: Mapping[str, str], kind: Kind | None
) -> Iterator[Row | UnusableError]:
    for point in points:
        try:
            value = _real(point.as_double) if point.as_double is not None else _whole(point.as_int or 0)
            yield _row(name, point, where, kind, value)
        except UnusableError as error:
            yield error


def _sums(
    name: str, points: tuple[SumPoint, ...], where: Mapping[str, str], kind: Kind | None
) -> Iterator[Row | UnusableError]:
    for point in points:
        try:
            count = _row(f"{name}_count", point, where, kind, _whole(point.count))
            total = _row(f"{name}_sum", point, where, kind, _real(point.sum)) if point.sum is not None else None
        except UnusableError as error:
            yield error
            continue
        yield count
        if total is not None:
            yield total


def _row(name: str, point: NumberPoint | SumPoint, where: Mapping[str, str], kind: Kind | None, value: float) -> Row:
    if not name.removesuffix("_count").removesuffix("_sum"):
        raise UnusableError("a metric has no name")
    if kind is None:
        raise UnusableError(f'metric "{name}" has no aggregation temporality; send it as delta or cumulative')
    at_ns = _whole(point.time_unix_nano)
    if at_ns <= 0:
        raise UnusableError(f'a point of metric "{name}" has no time (timeUnixNano)')
    stale = bool(point.flags & _NO_RECORDED_VALUE)
    if kind is Kind.RATE and not stale:
        value = _per_second(name, value, at_ns - _whole(point.start_time_unix_nano), point)
    labels = {**where, **_labels(point.attributes), NAME: name}
    return Row(labels, kind, at_ns / _NANO, math.nan if stale else value, stale)


def _per_second(name: str, growth: float, passed_ns: float, point: NumberPoint | SumPoint) -> float:
    if _whole(point.start_time_unix_nano) <= 0 or passed_ns <= 0:
        raise UnusableError(f'a delta of metric "{name}" has no start before its time (startTimeUnixNano)')
    return growth / (passed_ns / _NANO)


def _resource_labels(attributes: tuple[Attribute, ...]) -> tuple[dict[str, str], UnusableError | None]:
    """The labels that all points of the resource have, or why none of them can be used."""
    try:
        told = _labels(one for one in attributes if one.key in IDENTITY)
    except UnusableError as error:
        return {}, error
    return (told | {"service": told["service.name"]} if "service.name" in told else told), None


def _labels(attributes: Iterable[Attribute]) -> dict[str, str]:
    labels = {one.key: _text(one) for one in attributes}
    if "" in labels:
        raise UnusableError("an attribute has no key")
    return {key: value for key, value in labels.items() if value}


def _text(attribute: Attribute) -> str:
    """A scalar as text. Lists, maps and bytes do not tell series apart in any way that both formats share."""
    value = attribute.value
    if value is None:
        return ""
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return "true" if value.bool_value else "false"
    if value.int_value is not None:
        return str(_whole(value.int_value))
    if value.double_value is not None:
        return repr(_real(value.double_value))
    if value.array_value is not None or value.kvlist_value is not None or value.bytes_value is not None:
        raise UnusableError(
            f'attribute "{attribute.key}" is a list, a map or bytes; send texts, numbers or truth values'
        )
    return ""


def _whole(value: int | str) -> int:
    """Protobuf's JSON writes 64-bit numbers as texts."""
    try:
        whole = int(value)
    except ValueError as error:
        raise UnusableError(f"{str(value)[:40]!r} is no whole number") from error
    if not -(1 << 63) <= whole < 1 << 64:
        raise UnusableError(f"{str(value)[:40]!r} has more than 64 bits")
    return whole


def _real(value: float | str) -> float:
    """Protobuf's JSON writes "NaN", "Infinity" and "-Infinity"."""
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise UnusableError(f"{str(value)[:40]!r} is no number") from error

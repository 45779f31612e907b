"""Prometheus' HTTP API: instant and range queries as typed answers. https://prometheus.io/docs/prometheus/latest/querying/api/

An error keeps Prometheus' own sentence. Errors are sorted by what helps: `UnreachableError` may go away by itself,
`MisconfiguredError` needs a person. Used by the source `prometheus`; `query_range` also for looking back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Generic, Literal, TypeVar
from urllib.parse import urlencode

import msgspec

from recoverops.egress import Answer, Fetcher, Target
from recoverops.model import MisconfiguredError, PermanentError, Record, UnreachableError
from recoverops.redact import redact

T = TypeVar("T")

MOST_POINTS = 11_000
"""A series; Prometheus refuses more."""
_SHOWN = 300


class Element(Record, frozen=True, kw_only=True):
    """One element of an instant vector."""

    labels: Mapping[str, str]
    at: datetime
    value: float
    """May be NaN or infinite."""


class Series(Record, frozen=True, kw_only=True):
    """One series of a range query: its points in time order; times without a value have no point."""

    labels: Mapping[str, str]
    points: tuple[tuple[datetime, float], ...]


class InstantAnswer(Record, frozen=True, kw_only=True):
    elements: tuple[Element, ...]
    warnings: tuple[str, ...] = ()


class RangeAnswer(Record, frozen=True, kw_only=True):
    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()


class _Envelope(msgspec.Struct, frozen=True):
    status: Literal["success", "error"]
    data: msgspec.Raw = msgspec.Raw(b"null")
    errorType: str = ""  # noqa: N815 - the sender's spelling
    error: str = ""
    warnings: tuple[str, ...] = ()


class _Result(msgspec.Struct, frozen=True):
    resultType: str  # noqa: N815
    result: msgspec.Raw


class _Instant(msgspec.Struct, frozen=True):
    metric: dict[str, str]
    value: tuple[float, str] | None = None
    """None for a native histogram."""


class _Range(msgspec.Struct, frozen=True):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []


class _Reply(Generic[T]):
    def __init__(self, rows: list[T], warnings: tuple[str, ...]) -> None:
        self.rows = rows
        self.warnings = warnings


class PrometheusServer:
    """Thread-safe."""

    def __init__(self, target: Target, fetcher: Fetcher, *, timeout: timedelta) -> None:
        self._target = target
        self._fetcher = fetcher
        self._timeout = timeout
        self.shown = f"Prometheus at {target.shown}"

    def query(self, query: str) -> InstantAnswer:
        """The instant vector of the query, evaluated at the server's own now.

        Raises `UnreachableError`, and `MisconfiguredError` when Prometheus refuses the query or gives no vector.
        """
        reply = self._ask("query", {"query": query}, "vector", list[_Instant])
        elements = tuple(
            Element(labels=row.metric, at=at, value=value)
            for row in reply.rows
            if row.value is not None
            for at, value in self._points((row.value,))
        )
        return InstantAnswer(elements=elements, warnings=reply.warnings)

    def query_range(self, query: str, *, start: datetime, end: datetime, step: timedelta) -> RangeAnswer:
        """Every series of the query from `start` to `end`, both included, one point each `step`; NaN is left out.

        Raises as `query` does, and `PermanentError` for a range without points or with more than `MOST_POINTS`.
        """
        points = check_range(start=start, end=end, step=step)
        asked = {"query": query, "start": _text(start), "end": _text(end), "step": f"{step.total_seconds():.3f}"}
        reply = self._ask("query_range", asked, "matrix", list[_Range])
        series = tuple(
            Series(
                labels=row.metric,
                points=tuple(point for point in self._points(row.values[:points]) if not math.isnan(point[1])),
            )
            for row in reply.rows
        )
        return RangeAnswer(series=series, warnings=reply.warnings)

    def _points(self, written: Iterable[tuple[float, str]]) -> tuple[tuple[datetime, float], ...]:
        try:
            return tuple((datetime.fromtimestamp(seconds, UTC), float(value)) for seconds, value in written)
        except (ValueError, OverflowError, OSError) as error:
            raise UnreachableError(f"{self.shown} gave a value that is no number or no time: {error}") from error

    def _ask(self, path: str, asked: Mapping[str, str], kind: str, rows: type[list[T]]) -> _Reply[T]:
        url = self._target.url
        target = Target(
            url=url.copy_with(path=f"{url.path.rstrip('/')}/api/v1/{path}"),
            authorization=self._target.authorization,
            shown=self.shown,
        )
        answer = self._fetcher.fetch(
            "POST",
            target,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            content=urlencode({**asked, "timeout": f"{self._timeout.total_seconds():.3f}"}).encode(),
        )
        envelope = _envelope(answer, self.shown)
        try:
            result = msgspec.json.decode(envelope.data, type=_Result)
            if result.resultType != kind:
                raise MisconfiguredError(
                    f"{self.shown} answers with a {result.resultType}, expected a {kind}; "
                    f"a value has to come with its labels, so wrap the query e.g. in sum by (service) (…)"
                )
            return _Reply(msgspec.json.decode(result.result, type=rows), envelope.warnings)
        except msgspec.DecodeError as error:
            raise UnreachableError(f"{self.shown} gave an answer that does not fit its API: {error}") from error


def check_range(*, start: datetime, end: datetime, step: timedelta) -> int:
    """How many points a series may have. Pure."""
    if step < timedelta(milliseconds=1):
        raise PermanentError(f"the step is {step}, expected 1ms or more")
    if end < start:
        raise PermanentError(f"the range ends at {end.isoformat()}, before it starts at {start.isoformat()}")
    points = (end - start) // step + 1
    if points > MOST_POINTS:
        raise PermanentError(f"the range has {points} points a series, at most {MOST_POINTS}; take a longer step")
    return points


def _envelope(answer: Answer, shown: str) -> _Envelope:
    """The successful answer; raises with Prometheus' own sentence otherwise. Pure."""
    try:
        envelope = msgspec.json.decode(answer.body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        envelope = None
    if envelope is not None and envelope.status == "success" and answer.status == 200:
        return envelope
    said = _said(answer, envelope)
    told = f"{shown} answers with status {answer.status}{': ' if said else ''}{said}"
    if answer.status in {401, 403}:
        raise MisconfiguredError(f"{told}; check the server's `bearer`")
    if 300 <= answer.status < 400:
        raise MisconfiguredError(f"{told}; redirects are not followed, write the address that it leads to as `url`")
    if answer.status in {404, 405} and envelope is None:
        raise MisconfiguredError(f"{told}; there is no Prometheus API below that `url`, check its path")
    if 400 <= answer.status < 500 and answer.status not in {408, 429}:
        raise MisconfiguredError(told)
    if answer.status == 200 and envelope is None:
        raise MisconfiguredError(f"{told}; that is not Prometheus' API, check the `url`")
    raise UnreachableError(told)


def _said(answer: Answer, envelope: _Envelope | None) -> str:
    if envelope is not None and envelope.error:
        return redact(f"{envelope.errorType}: {envelope.error}"[:_SHOWN])
    return redact(" ".join(answer.body[:_SHOWN].decode(errors="replace").split()))


def _text(at: datetime) -> str:
    return f"{at.timestamp():.3f}"

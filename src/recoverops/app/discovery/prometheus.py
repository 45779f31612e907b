"""What Prometheus has seen of `up` in the last day: how often something was down, and for how long at least.

Measured only: the length of an episode is the time from the first to the last point at which it was down, so it is
never longer than what was. Nothing is simulated; limits, cooldowns and people are not in these numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

import httpx

from recoverops.app.discovery.propose import Proposed
from recoverops.model import Record, UnreachableError

QUERY = "up == 0"
SPAN = timedelta(hours=24)
STEP = timedelta(seconds=15)
ANSWERS_WITHIN_S = 15.0
_MOST_BYTES = 32 * 1024 * 1024


class Outages(Record, frozen=True, kw_only=True):
    """The episodes of one target."""

    job: str
    instance: str
    episodes: int
    long: int
    """Those that were down for at least the hold."""
    longest_s: float
    service: str = ""
    """The service of the file that it is, by host and port; empty when it is none of them."""
    can_act: bool = False


class PastDay(Record, frozen=True, kw_only=True):
    hold_s: float
    step_s: float
    targets: tuple[Outages, ...]

    @property
    def incidents(self) -> int:
        return sum(one.long for one in self.targets)

    @property
    def actions(self) -> int:
        return sum(one.long for one in self.targets if one.can_act)


def past_day(url: str, services: Collection[Proposed], *, hold: timedelta, now: datetime) -> PastDay:
    """Raises UnreachableError when Prometheus does not answer, or with something else."""
    series = _query(url, now)
    found = (_outages(one, hold) for one in series)
    matched = (_matched(one, services) for one in found if one.episodes)
    targets = sorted(matched, key=lambda one: (-one.long, one.job, one.instance))
    return PastDay(hold_s=hold.total_seconds(), step_s=STEP.total_seconds(), targets=tuple(targets))


def _query(url: str, now: datetime) -> list[Mapping[str, Any]]:
    asked = {
        "query": QUERY,
        "start": f"{(now - SPAN).timestamp():.3f}",
        "end": f"{now.timestamp():.3f}",
        "step": f"{STEP.total_seconds():g}",
    }
    try:
        answer = httpx.get(f"{url}/api/v1/query_range", params=asked, timeout=ANSWERS_WITHIN_S, trust_env=False)
        if len(answer.content) > _MOST_BYTES:
            raise UnreachableError(f"Prometheus at {url} answered with more than 32 MiB")
        told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UnreachableError(f"Prometheus at {url} could not be asked for the last day: {error}") from error
    if not isinstance(told, dict) or told.get("status") != "success":
        raise UnreachableError(f"Prometheus at {url} refused the query {QUERY!r} (status {answer.status_code})")
    return series_in(told)


def series_in(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The series of an answer of query_range; nothing for one that is no matrix. Pure."""
    data = told.get("data")
    result = data.get("result") if isinstance(data, dict) and data.get("resultType") == "matrix" else None
    return [one for one in result if isinstance(one, dict)] if isinstance(result, list) else []


def _outages(series: Mapping[str, Any], hold: timedelta) -> Outages:
    metric = series.get("metric", {})
    times = [float(point[0]) for point in series.get("values", [])]
    lengths = episodes_of(times)
    return Outages(
        job=str(metric.get("job", "")),
        instance=str(metric.get("instance", "")),
        episodes=len(lengths),
        long=sum(length >= hold.total_seconds() and length > 0 for length in lengths),
        longest_s=max(lengths, default=0.0),
    )


def episodes_of(times: Iterable[float], *, step: timedelta = STEP) -> list[float]:
    """Seconds from the first to the last point of each unbroken run of points; 0 for a single one. Pure."""
    ordered = sorted(times)
    step_s = step.total_seconds()
    runs = groupby(enumerate(ordered), key=lambda one: round((one[1] - ordered[0]) / step_s) - one[0])
    points = [[time for _, time in run] for _, run in runs]
    return [run[-1] - run[0] for run in points]


def _matched(target: Outages, services: Collection[Proposed]) -> Outages:
    for one in services:
        parts = urlsplit(one.address.get("http", ""))
        if parts.port is not None and target.instance in _instances(parts.hostname or "", parts.port):
            return Outages(
                job=target.job,
                instance=target.instance,
                episodes=target.episodes,
                long=target.long,
                longest_s=target.longest_s,
                service=one.name,
                can_act=not {"supervisor", "systemd"}.isdisjoint(one.address),
            )
    return target


def _instances(host: str, port: int) -> set[str]:
    here = {"127.0.0.1", "localhost", "[::1]"}
    return {f"{name}:{port}" for name in (here if host in {"127.0.0.1", "::1", "localhost"} else {host})}

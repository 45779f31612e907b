"""How many samples a second the metric intake decodes on one core: `python -m benchmarks.detection.intake`.

Bodies as a Prometheus makes them: every series with seven labels and one sample, 500 and 10,000 of them, snappy-packed;
and as many samples with five of each series, as after a short outage. Measured from the packed body to columns
with every series known, as it is from the second scrape on; and once with every series new. Beside it stand the plain
Python decoder of the tests, which is the reference for what is right, and OTLP.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

import cramjam
import numpy as np
from numpy.typing import NDArray
from tests.unit.sources import plain_remote_write as plain

from recoverops.detection.metrics.streaming import StreamDetector
from recoverops.model.columns import Columns
from recoverops.sources import otlp, remote_write
from recoverops.sources.push_limits import PushLimits
from recoverops.sources.rates import Rates
from recoverops.sources.series_table import SeriesTable

SIZES = (500, 10_000)
LIMIT = 100_000
AT_MS = 1_767_225_600_000
_LEAST_S = 0.5
"""Every figure is the best of as many repetitions as fit in here, so that a busy neighbour does not decide it."""
_PUSH_LIMITS = PushLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure."""

    what: str
    samples: int
    """in one body"""
    body_bytes: int
    """as it travels"""
    samples_per_s: float
    repetitions: int

    def plain(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "samples": self.samples,
            "body_bytes": self.body_bytes,
            "samples_per_s": round(self.samples_per_s),
            "repetitions": self.repetitions,
        }


def measure() -> tuple[Row, ...]:
    """Every figure; about ten seconds."""
    return tuple(row for size in SIZES for row in _of_size(size))


def _of_size(size: int) -> Iterable[Row]:
    single = plain.packed(plain.request(plain.many(size)))
    several = plain.packed(
        plain.request(plain.many(size // 5, samples=[(float(one), AT_MS + one * 15_000) for one in range(5)]))
    )
    as_json = _otlp_body(size)
    yield _row("remote-write, one sample a series", size, single, _warm(single))
    yield _row("remote-write and counters to rates", size, single, _with_rates(single))
    yield _row("remote-write, rates, and scored", size, single, _scored(single))
    yield _row("remote-write, five samples a series", size, several, _warm(several))
    yield _row("remote-write, all series new", size, single, _cold(single))
    yield _row("plain Python decoder", size, single, lambda: _plainly(single))
    yield _row("OTLP as JSON", size, as_json, _otlp(as_json))


def _warm(body: bytes) -> Callable[[], float]:
    table = SeriesTable(limit=LIMIT, seed=1)
    return lambda: _timed(lambda: remote_write.decode(body, table, _PUSH_LIMITS, now=0.0))


def _with_rates(body: bytes) -> Callable[[], float]:
    table, rates = SeriesTable(limit=LIMIT, seed=1), Rates(limit=LIMIT)

    def both() -> None:
        rates.step(remote_write.decode(body, table, _PUSH_LIMITS, now=0.0), table.kinds())

    return lambda: _timed(both)


def _scored(body: bytes) -> Callable[[], float]:
    """The same body again and again, each a scrape later and its values a little different: nothing is repeated."""
    table, rates, detector = SeriesTable(limit=LIMIT, seed=1), Rates(limit=LIMIT), StreamDetector()
    noise = np.random.default_rng(1)
    scrapes = count(1)

    def all_three(later_s: float, factor: NDArray[np.float64]) -> None:
        columns = rates.step(remote_write.decode(body, table, _PUSH_LIMITS, now=0.0), table.kinds())
        detector.step(
            Columns(series=columns.series, at=columns.at + later_s, values=columns.values[: len(factor)] * factor)
        )

    def once() -> float:
        later_s = 15.0 * next(scrapes)
        factor = noise.normal(1.0, 0.02, len(remote_write.decode(body, table, _PUSH_LIMITS, now=0.0).columns))
        return _timed(lambda: all_three(later_s, factor))

    for _ in range(2 * detector.settings.warm_up_points):
        once()
    return once


def _cold(body: bytes) -> Callable[[], float]:
    table = SeriesTable(limit=LIMIT, seed=1)

    def once() -> float:
        before = table.mark()
        took = _timed(lambda: remote_write.decode(body, table, _PUSH_LIMITS, now=0.0))
        table.back_to(before)
        return took

    return once


def _otlp(body: bytes) -> Callable[[], float]:
    table = SeriesTable(limit=LIMIT, seed=1)
    return lambda: _timed(lambda: otlp.decode(body, table, _PUSH_LIMITS, is_json=True, is_gzipped=False, now=0.0))


def _plainly(body: bytes) -> float:
    return _timed(lambda: plain.plain_decode(bytes(cramjam.snappy.decompress_raw(body))))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _row(what: str, size: int, body: bytes, once: Callable[[], float]) -> Row:
    once()
    taken, ends = [once()], time.perf_counter() + _LEAST_S
    while time.perf_counter() < ends:
        taken.append(once())
    return Row(what=what, samples=size, body_bytes=len(body), samples_per_s=size / min(taken), repetitions=len(taken))


def _otlp_body(size: int) -> bytes:
    points = [
        {
            "timeUnixNano": str(AT_MS * 1_000_000),
            "asDouble": 1.5,
            "attributes": [
                {"key": "handler", "value": {"stringValue": f"/api/v1/orders/{one % 97}"}},
                {"key": "number", "value": {"stringValue": str(one)}},
            ],
        }
        for one in range(size)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]}
    metrics = [{"name": "http.server.duration", "gauge": {"dataPoints": points}}]
    return json.dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}).encode()


def main() -> None:
    for row in measure():
        print(f"{row.samples:>6}  {row.what:<36} {row.samples_per_s:>13,.0f} samples/s  ({row.body_bytes:,} bytes)")


if __name__ == "__main__":
    main()

"""How often the 90 % interval of a forecast holds what came: on simulated fills, and on real series.

`python -m benchmarks.detection.forecast_coverage DATA_DIR`. On a real series nothing is ever full, so a level is drawn
above the present value, by what the past alone says of the series' spread; a forecast is right when the series first
reaches the level inside its interval. Forecasts with an open end are counted apart: they cannot be wrong late.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.forecast import Exhaustion, ForecastState, forecast
from recoverops.detection.metrics.forecast.state import added, begun, bucket_s

HORIZON = timedelta(hours=4)
Series = NDArray[np.float64]
START = 1_772_366_400.0


@dataclass
class Coverage:
    held: int = 0
    early: int = 0
    """it came before the interval"""
    late: int = 0
    """it came after the interval, or never"""
    open_held: int = 0
    open_early: int = 0
    widths: list[float] = field(default_factory=list)
    """of the interval, in shares of the time that was left"""

    def judge(self, said: Exhaustion, now: float, reached: float, tolerance_s: float) -> None:
        is_early = reached < said.earliest.timestamp() - tolerance_s
        if said.latest is None:
            self.open_early += is_early
            self.open_held += not is_early
            return
        is_late = reached > said.latest.timestamp() + tolerance_s
        self.early += is_early
        self.late += is_late
        self.held += not (is_early or is_late)
        width = (said.latest - said.earliest).total_seconds()
        self.widths.append(width / max(60.0, said.at.timestamp() - now))

    def line(self, name: str) -> str:
        closed = self.held + self.early + self.late
        share = f"{self.held / closed:6.1%}" if closed else "  none"
        width = f"{np.median(self.widths):5.2f}" if self.widths else "    -"
        told = f"{name:28} {closed:6} {share} {self.early:6} {self.late:6} {width}"
        return f"{told} {self.open_held:6} {self.open_early:6}"


def measure(data_dir: Path | None) -> dict[str, Coverage]:
    """Without a directory, or where a set is absent, only what is there is measured."""
    found = {f"simulated {name}": _simulated(make) for name, make in SIMULATED.items()}
    for name, pattern, read in REAL:
        paths = sorted((data_dir / name).glob(pattern)) if data_dir is not None else []
        if not paths:
            print(f"{name} is absent, so it is left out")
            continue
        coverage = found[f"real {name}"] = Coverage()
        for path in paths:
            for times, values in read(path):
                _real(coverage, times, values)
    return found


def _simulated(make: Callable[[np.random.Generator, float, int], Series], *, runs: int = 100) -> Coverage:
    rng, coverage = np.random.default_rng(11), Coverage()
    for _ in range(runs):
        pace = rng.uniform(0.05, 0.3) / 60.0
        values = rng.uniform(0.2, 0.5) + make(rng, pace, 1440)
        if (values >= 1.0).any():
            full = int(np.argmax(values >= 1.0))
            times = START + np.arange(full, dtype=np.float64) * 60.0
            for now, state in _followed(times, values[:full], every=15):
                said = forecast(state, full_at=1.0, horizon=HORIZON)
                if isinstance(said, Exhaustion):
                    coverage.judge(said, now, START + full * 60.0, 30.0)
    return coverage


def _real(coverage: Coverage, times: Series, values: Series) -> None:
    """The first third says what the series is like; levels and forecasts are on the rest."""
    third = len(values) // 3
    low, high = np.quantile(values[:third], (0.01, 0.99))
    if not high > low:
        return
    scaled = 0.5 * (values - low) / (high - low)
    tolerance_s = float(np.median(np.diff(times))) / 2.0
    for position, (now, state) in enumerate(_followed(times[third:], scaled[third:], every=10)):
        level = state.open.value + (0.05, 0.1, 0.2, 0.4)[position % 4]
        said = forecast(state, full_at=level, horizon=HORIZON)
        if isinstance(said, Exhaustion) and times[-1] - now > 3 * HORIZON.total_seconds():
            ahead = (times > now) & (scaled >= level)
            coverage.judge(said, now, float(times[ahead][0]) if ahead.any() else float("inf"), tolerance_s)


def _followed(times: Series, values: Series, *, every: int) -> Iterator[tuple[float, ForecastState]]:
    width_s = bucket_s(HORIZON)
    state = begun(float(times[0]), float(values[0]), width_s=width_s)
    for number in range(1, len(times)):
        at = float(times[number])
        if at > state.last_at and np.isfinite(values[number]):
            state, _ = added(state, at, float(values[number]), width_s=width_s, full_at=1.0)
        if number % every == 0:
            yield at, state


def _steady(rng: np.random.Generator, pace: float, count: int) -> Series:
    return np.asarray(pace * np.arange(count) + rng.normal(0.0, 0.002, count), dtype=np.float64)


def _wandering(rng: np.random.Generator, pace: float, count: int) -> Series:
    steps = rng.normal(pace, rng.uniform(1.0, 4.0) * pace, count)
    return np.asarray(np.cumsum(steps), dtype=np.float64)


def _bursts(rng: np.random.Generator, pace: float, count: int) -> Series:
    rate = rng.uniform(0.05, 0.5)
    return np.asarray(np.cumsum(rng.poisson(rate, count) * rng.exponential(1.0, count)) * pace / rate, dtype=np.float64)


def _changing(rng: np.random.Generator, pace: float, count: int) -> Series:
    """The pace itself drifts: by a third, over about three hours."""
    log = np.zeros(count)
    for minute in range(1, count):
        log[minute] = 0.995 * log[minute - 1] + rng.normal(0.0, 0.03)
    return np.asarray(np.cumsum(pace * np.exp(log)), dtype=np.float64)


def _on_and_off(rng: np.random.Generator, pace: float, count: int) -> Series:
    """Writes for about twenty minutes, rests for about twenty."""
    on = np.cumsum(rng.random(count) < 0.05) % 2
    return np.asarray(np.cumsum(2.0 * pace * on) + rng.normal(0.0, 0.0005, count), dtype=np.float64)


SIMULATED: dict[str, Callable[[np.random.Generator, float, int], Series]] = {
    "steady with noise": _steady,
    "wandering": _wandering,
    "bursts": _bursts,
    "changing pace": _changing,
    "on and off": _on_and_off,
}


def _columns(path: Path) -> Iterator[tuple[Series, Series]]:
    """Of an npz with `train` and `test`: every column is a series."""
    with np.load(path) as loaded:
        rows = np.concatenate([loaded["train"], loaded["test"]]).astype(np.float64)
    step_s = 60.0 if "smd" in str(path.parent) else 300.0
    times = START + np.arange(len(rows), dtype=np.float64) * step_s
    for column in rows.T[::3]:
        yield times, np.asarray(column, dtype=np.float64)


def _file(path: Path) -> Iterator[tuple[Series, Series]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    times = [datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp() for row in rows]
    yield np.array(times, dtype=np.float64), np.array([float(row["value"]) for row in rows], dtype=np.float64)


REAL: tuple[tuple[str, str, Callable[[Path], Iterator[tuple[Series, Series]]]], ...] = (
    ("nab", "data/real*/*.csv", _file),
    ("mts_asd", "*.npz", _columns),
    ("mts_smd", "*.npz", _columns),
)


def main() -> int:
    found = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    print(f"{'series':28} {'closed':>6} {'held':>6} {'early':>6} {'late':>6} {'width':>5} {'open':>6} {'early':>6}")
    for name, coverage in found.items():
        print(coverage.line(name))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

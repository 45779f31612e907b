"""How long `POST /anomaly` takes: over HTTP against a running engine, and the inference alone.

`python -m benchmarks.detection.anomaly_door`. The history and the rows are made, from a fixed seed: seven inputs of one
host, a row a minute for 16 days, so that the model has all 18 features. Over HTTP one client asks one row after the
other on one connection, 100 hosts in turn, with the window of each filled before; what is timed is from the first byte
written to the last byte read. The inference alone is `Scoring.answer`, which the route calls.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine import Engine, up, write_setup
from benchmarks.figures import Figure, percentile
from recoverops.api.telemetry import Metrics
from recoverops.clock import SystemClock
from recoverops.detection import DetectionSettings
from recoverops.detection.metrics.joint import INPUTS, KINDS, table_of
from recoverops.model import Resource, ResourceKind
from recoverops.model.joint import MetricTable
from recoverops.operations.anomaly_answers import Question, Scored
from recoverops.operations.model_training import TrainingOrder, loaded, train_and_keep
from recoverops.operations.scoring import Scoring
from recoverops.storage.models import FolderModelStore
from recoverops.topology import Inventory

DAYS, HOSTS, WINDOW_ROWS = 16, 100, 61
ROUNDS = 30
"""Rows of each host that are timed."""
MOST_HTTP_MS, MOST_INFERENCE_MS = 10.0, 1.0


def measure() -> tuple[Figure, ...]:
    """For each kind of model: median and 99 % over HTTP, and of the inference alone."""
    return tuple(figure for kind in KINDS for figure in _measured(kind))


def _measured(kind: str) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="recoverops-bench-") as folder:
        setup = write_setup(Path(folder) / "engine", {"plugins": []})
        models = FolderModelStore(setup.data / "models")
        order = TrainingOrder(name="default", kind=kind, data="a made load")
        setup.data.mkdir(mode=0o700)
        settings = DetectionSettings()
        train_and_keep(order, _load(), models, settings=settings.joint, at=SystemClock().now())
        yield from _figures(f"inference, {kind}", _alone(models, settings), below=MOST_INFERENCE_MS)
        with up(setup) as engine:
            yield from _figures(f"POST /anomaly, {kind}", _over_http(engine), below=MOST_HTTP_MS)


def _figures(name: str, times_ms: list[float], *, below: float) -> Iterator[Figure]:
    note = f"{len(times_ms)} rows of {HOSTS} hosts"
    yield Figure(name=f"{name}, median", value=percentile(times_ms, 0.5), unit="ms", note=note)
    yield Figure(name=f"{name}, 99 %", value=percentile(times_ms, 0.99), unit="ms", below=below, note=note)


def _alone(models: FolderModelStore, settings: DetectionSettings) -> list[float]:
    scoring = Scoring(Inventory([]), SystemClock(), Metrics(), settings)
    scoring.use({"default": loaded(models.load("default", 1))}, {})
    times = []
    for number, row in enumerate(_rows()):
        resource = Resource(kind=ResourceKind.HOST, name=row["resource"]["name"])
        at = datetime.fromisoformat(row["timestamp"])
        began = time.perf_counter()
        answer = scoring.answer(Question(resource=resource, at=at, metrics=row["metrics"]))
        took = time.perf_counter() - began
        if number >= HOSTS * WINDOW_ROWS:
            assert isinstance(answer, Scored), answer
            times.append(took * 1000)
    return times


def _over_http(engine: Engine) -> list[float]:
    times = []
    with engine.connection() as connection:
        _wait_for_the_model(engine)
        for number, row in enumerate(_rows()):
            body = json.dumps(row).encode()
            began = time.perf_counter()
            answer = connection.post("/anomaly", key=engine.key, body=body)
            took = time.perf_counter() - began
            if number >= HOSTS * WINDOW_ROWS:
                assert b'"scored"' in answer.body, answer.body
                times.append(took * 1000)
    return times


def _wait_for_the_model(engine: Engine) -> None:
    until = time.monotonic() + 30.0
    while time.monotonic() < until:
        with engine.connection() as connection:
            if b'"version":1' in connection.get("/anomaly/status", key=engine.key).body:
                return
        time.sleep(0.1)
    raise RuntimeError("the engine did not take the model into use within 30 s")


def _load() -> MetricTable:
    rows = DAYS * 1440
    end = datetime.now(UTC).replace(second=0, microsecond=0).timestamp()
    times = end - 60.0 * np.arange(rows)[::-1]
    noise = np.random.default_rng(7)
    level = 50 + 20 * np.sin(2 * math.pi * times / 86400) + noise.normal(0, 2, rows)
    columns = {
        "request_rate": level * 10 + noise.normal(0, 5, rows),
        "response_time_p95": 0.05 + level / 2000 + noise.normal(0, 0.002, rows),
        "response_time_avg": 0.02 + level / 5000 + noise.normal(0, 0.001, rows),
        "network_bytes_total": np.cumsum(level * 1e5),
        "cpu_usage_avg": level + noise.normal(0, 1, rows),
        "memory_usage_pct": 60 + level / 10 + noise.normal(0, 0.5, rows),
        "disk_usage_pct": 40 + np.arange(rows) / 1e4 + noise.normal(0, 0.05, rows),
    }
    return table_of(INPUTS, times, np.column_stack([columns[name] for name in INPUTS]))


def _rows() -> Iterator[dict[str, Any]]:
    """The newest minutes of the load, each for all hosts."""
    table = _load()
    for number in range(len(table) - WINDOW_ROWS - ROUNDS, len(table)):
        at = datetime.fromtimestamp(float(table.times[number]), UTC) - timedelta(seconds=1)
        metrics = dict(zip(INPUTS, table.values[number].tolist(), strict=True))
        for host in range(HOSTS):
            resource = {"kind": "host", "name": f"host-{host}"}
            yield {"resource": resource, "timestamp": at.isoformat(), "metrics": metrics}


def main() -> int:
    print(json.dumps([figure.plain() for figure in measure()], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

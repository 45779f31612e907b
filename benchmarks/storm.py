"""An alert storm: how many alerts a second are acknowledged after their durable write, and what that does to the rest.

The alerts match no service, so nothing is acted on; but each is judged, joins or opens an incident, and is told in its
story and in the audit log. That work goes on behind the acknowledgement, in the same process.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.engine import Engine, metrics, total, up, write_setup
from benchmarks.figures import Figure, percentile
from benchmarks.load import KINDS, SERVICES
from benchmarks.processes import cpu_seconds, memory_mb, running
from benchmarks.wire import request

SECONDS = 10.0
IN_FLIGHT = 16
BATCHES = (1, 50)
_HEALTH_EVERY_S = 0.05
_DRAINED_WITHIN_S = 25.0


def measure(directory: Path) -> Iterable[Figure]:
    for batch in BATCHES:
        setup = write_setup(directory / f"storm-{batch}", {})
        with up(setup) as engine:
            yield from _storm(engine, directory, batch)


@dataclass(slots=True)
class Watch:
    """Asks /health all the time and /metrics once a second, each on a connection and a thread of its own."""

    engine: Engine
    health_ms: list[float] = field(default_factory=list)
    lag_s: list[float] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Watch:
        self.threads = [threading.Thread(target=ask, daemon=True) for ask in (self._health, self._metrics)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(15)

    def _health(self) -> None:
        asked = request("GET", "/health")
        with self.engine.connection() as connection:
            while not self.stopping.wait(_HEALTH_EVERY_S):
                began = time.perf_counter()
                connection.ask(asked)
                self.health_ms.append((time.perf_counter() - began) * 1000)

    def _metrics(self) -> None:
        while not self.stopping.wait(1.0):
            self.lag_s.append(metrics(self.engine)["recoverops_loop_lag_seconds"])


def _storm(engine: Engine, directory: Path, batch: int) -> Iterable[Figure]:
    began_cpu, began = cpu_seconds(engine.pid), time.monotonic()
    arguments = [str(engine.port), engine.key, str(batch), str(IN_FLIGHT), f"{SECONDS:g}", str(batch * 10**9)]
    with (
        Watch(engine) as watch,
        running(["-m", "benchmarks.load", *arguments], log=directory / "load.log") as (_, output),
    ):
        told = output.read()
    if not told:
        raise RuntimeError(f"the load generator failed:\n{(directory / 'load.log').read_text()[-2000:]}")
    load = json.loads(told)
    ended = time.monotonic()
    busy = (cpu_seconds(engine.pid) - began_cpu) / (ended - began)
    at_end = _unprocessed(engine)
    left = _drain(engine, until=ended + _DRAINED_WITHIN_S)
    drained = time.monotonic() - ended
    stored = load["acknowledged"]
    decisions = total(metrics(engine), "recoverops_decisions_total")
    how = f"storm, batches of {batch}"
    yield Figure(
        name=f"{how}: alerts stored",
        value=stored / load["seconds"],
        unit="1/s",
        note=f"{stored:,} durable in {load['seconds']:.1f} s, {load['refused']} requests refused, "
        f"{load['broken']} connections lost; "
        f"engine {busy:.0%} of a core, generator {load['generator_cpu_share']:.0%}",
    )
    yield Figure(
        name=f"{how}: acknowledged, p99",
        value=load["request_ms_p99"],
        unit="ms",
        note=f"p50 {load['request_ms_p50']:.1f} ms, {IN_FLIGHT} requests in flight",
    )
    yield Figure(
        name=f"{how}: alerts processed",
        value=(stored - left) / (SECONDS + drained),
        unit="1/s",
        note=f"{decisions:,.0f} decisions about {SERVICES * KINDS:,} incidents; {at_end:,} waited when the load ended, "
        + (f"all done {drained:.1f} s later" if left == 0 else f"{left:,} still {drained:.0f} s later"),
    )
    yield Figure(
        name=f"{how}: /health, p99",
        value=percentile(watch.health_ms, 0.99),
        unit="ms",
        note=f"p50 {percentile(watch.health_ms, 0.5):.1f} ms, {len(watch.health_ms)} requests",
    )
    yield Figure(name=f"{how}: loop lag, largest", value=max(watch.lag_s, default=0.0) * 1000, unit="ms")
    yield Figure(name=f"{how}: memory, peak", value=memory_mb(engine.pid, peak=True), unit="MB")


def _drain(engine: Engine, *, until: float) -> int:
    """How many alerts are still unprocessed, when there are none or the time is up."""
    while (left := _unprocessed(engine)) and time.monotonic() < until:
        time.sleep(0.2)
    return left


def _unprocessed(engine: Engine) -> int:
    """Stored and acknowledged, but not yet taken up by the pipeline. Read beside the running engine."""
    file = engine.setup.data / "recoverops.sqlite"
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
    try:
        found: int = connection.execute("SELECT count(*) FROM signal WHERE processed_at IS NULL").fetchone()[0]
        return found
    finally:
        connection.close()

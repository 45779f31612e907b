"""What it costs while nothing happens: three healthy services, probed once a second."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.engine import up, write_setup
from benchmarks.figures import Figure
from benchmarks.processes import HOST, cpu_seconds, memory_mb, running

SECONDS = 20.0
SETTLE_S = 4.0
TARGET_PERCENT = 2.0
TARGET_MB = 250.0


def measure(directory: Path) -> Iterable[Figure]:
    with running(["-m", "benchmarks.receiver"], log=directory / "receiver.log") as (_, output):
        port = int(output.readline())
        services = [
            {"name": f"service-{number}", "address": {"http": f"http://{HOST}:{port}/health"}} for number in range(3)
        ]
        plugins = [{"name": name} for name in ("console", "http", "prometheus")]
        setup = write_setup(directory / "idle", {"services": services, "plugins": plugins})
        with up(setup) as engine:
            time.sleep(SETTLE_S)
            used, began = cpu_seconds(engine.pid), time.monotonic()
            time.sleep(SECONDS)
            share = (cpu_seconds(engine.pid) - used) / (time.monotonic() - began)
            resident, peak = memory_mb(engine.pid), memory_mb(engine.pid, peak=True)
    yield Figure(
        name="idle processor",
        value=share * 100,
        unit="% of a core",
        below=TARGET_PERCENT,
        note=f"over {SECONDS:g} s, 3 services probed every second",
    )
    yield Figure(name="idle memory, resident", value=resident, unit="MB", below=TARGET_MB)
    yield Figure(name="idle memory, peak", value=peak, unit="MB", below=TARGET_MB, note="the most since its start")

"""What the figures were measured on, and how busy it was. Names no host and no path."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import median, percentile

_SYNCS = 100
_LOOPS, _LOOP = 5, 1_000_000
_QUIET_LOOK_S = 5.0


def load_average() -> float:
    """Runnable processes over the last minute."""
    return os.getloadavg()[0]


def wait_until_quiet(*, below: float, timeout_s: float) -> float:
    """The load average, as soon as it is below `below`, or when the time is up."""
    end = time.monotonic() + timeout_s
    while (load := load_average()) >= below and time.monotonic() < end:
        time.sleep(_QUIET_LOOK_S)
    return load


def describe(directory: Path) -> dict[str, Any]:
    """The machine; `directory` is where the stores lie, so its disk is the one that counts."""
    syncs = _sync_times_ms(directory)
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "python_loop_ms": round(min(_loop_ms() for _ in range(_LOOPS)), 1),
        "fdatasync_ms_p50": round(median(syncs), 3),
        "fdatasync_ms_p99": round(percentile(syncs, 0.99), 3),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"


def _loop_ms() -> float:
    """A million turns of a loop with one sum of products: how fast this machine is today, for a shared one drifts."""
    began, total = time.perf_counter(), 0
    for number in range(_LOOP):
        total += number * number
    return (time.perf_counter() - began) * 1000


def _sync_times_ms(directory: Path) -> list[float]:
    """How long the disk takes to make an appended page durable; every commit of the store waits for that once."""
    times = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(_SYNCS):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return times

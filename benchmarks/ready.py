"""How long until it may be asked for work: from the spawn of `recoverops up` to the first 200 of /ready."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from benchmarks.engine import Setup, up, write_setup
from benchmarks.figures import Figure, median

RUNS = 5
TARGET_S = 3.0


def measure(directory: Path) -> Iterable[Figure]:
    setup = write_setup(directory / "ready", {})
    cold = [_started(setup, cold=True) for _ in range(RUNS)]
    warm = [_started(setup, cold=False) for _ in range(RUNS)]
    for name, times in (("ready, cold data directory", cold), ("ready, warm data directory", warm)):
        note = f"median of {RUNS}; {min(times):.2f} to {max(times):.2f} s"
        yield Figure(name=name, value=median(times), unit="s", below=TARGET_S, note=note)


def _started(setup: Setup, *, cold: bool) -> float:
    if cold:
        shutil.rmtree(setup.data, ignore_errors=True)
    with up(setup) as engine:
        return engine.ready_s

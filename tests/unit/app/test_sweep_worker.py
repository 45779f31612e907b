"""What wakes the sweep: once a second it looks at everything, in between at what is due alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any, cast

import pytest

from recoverops.app.workers import SweepWorker
from recoverops.clock import SystemClock
from recoverops.pipeline import Sweep
from recoverops.ports import Telemetry

_CLOCK = SystemClock()


class Looks:
    """Stands in for the sweep: what was asked of it, and when."""

    def __init__(self) -> None:
        self.made: list[tuple[str, float]] = []
        self.changed = threading.Event()

    def tick(self) -> None:
        self._note("tick")

    def wake_due(self) -> None:
        self._note("wake_due")

    def _note(self, what: str) -> None:
        self.made.append((what, time.monotonic()))
        self.changed.set()

    def count(self, what: str) -> int:
        return sum(one == what for one, _ in self.made)

    def wait_for(self, what: str, count: int = 1) -> None:
        until = time.monotonic() + 20
        while self.count(what) < count:
            assert time.monotonic() < until, self.made
            self.changed.wait(0.1)
            self.changed.clear()


@pytest.fixture
def worker() -> Iterator[SweepWorker]:
    made = SweepWorker(_CLOCK, cast(Telemetry, _Untold()))
    yield made
    made.ask_to_stop()
    made.join(timedelta(seconds=10))


class _Untold:
    def count(self, name: str, /, **labels: Any) -> None:
        raise AssertionError(f"{name} {labels}")


def _started(worker: SweepWorker) -> Looks:
    looks = Looks()
    worker.sweep = cast(Sweep, looks)
    worker.start()
    looks.wait_for("tick")
    return looks


def test_it_looks_at_everything_once_a_second(worker: SweepWorker) -> None:
    looks = _started(worker)
    looks.wait_for("tick", 3)
    times = [at for what, at in looks.made if what == "tick"]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.99


def test_what_is_due_now_is_woken_without_a_look_at_everything(worker: SweepWorker) -> None:
    looks = _started(worker)
    began = time.monotonic()
    for number in range(1, 21):
        worker.nudge(None)
        looks.wait_for("wake_due", number)
    assert looks.count("tick") <= 1 + (time.monotonic() - began) // 0.99 + 1


def test_what_is_due_later_is_woken_then_and_not_now(worker: SweepWorker) -> None:
    looks = _started(worker)
    began = time.monotonic()
    for _ in range(200):
        worker.nudge(_CLOCK.now() + timedelta(seconds=0.5))
    looks.wait_for("wake_due")
    woken = next(at for what, at in looks.made if what == "wake_due")
    assert woken - began >= 0.49


def test_the_earliest_moment_counts(worker: SweepWorker) -> None:
    looks = _started(worker)
    worker.nudge(_CLOCK.now() + timedelta(hours=1))
    worker.nudge(_CLOCK.now())
    worker.nudge(_CLOCK.now() + timedelta(hours=2))
    looks.wait_for("wake_due")

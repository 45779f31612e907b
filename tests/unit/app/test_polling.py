"""A source that answers, one that fails, and one whose poll does not return."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recoverops.api.telemetry import Metrics
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.polling import HangWatch, SourceWorker
from recoverops.model import ComponentState, Sample, UnreachableError
from recoverops.workflows import VirtualClock

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ERRORS = "recoverops_source_errors_total"


class Disk:
    """A source that does what the test says."""

    name = "disk"

    def __init__(self, every_s: float) -> None:
        self.every = timedelta(seconds=every_s)
        self.is_asked, self.may_return = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def poll(self) -> tuple[Sample, ...]:
        self.is_asked.set()
        assert self.may_return.wait(20)
        if self.error is not None:
            raise self.error
        return ()


class Scene:
    def __init__(self, every_s: float = 0.01) -> None:
        self.clock = VirtualClock(NOON)
        self.disk = Disk(every_s)
        self.metrics = Metrics()
        self.heard: list[Sample] = []
        self.worker = SourceWorker(self.disk, self.heard.extend, self.clock, self.metrics)

    @property
    def values(self) -> list[float]:
        assert {(str(one.resource), one.metric) for one in self.heard} <= {("source:disk", "source.up")}
        return [one.value for one in self.heard]

    @property
    def errors(self) -> float:
        lines = self.metrics.page().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{ERRORS}{{"))

    def look_after(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        self.worker.speak_if_it_hangs()

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Inside it a poll is under way; it returns at the end."""
        self.disk.is_asked.clear()
        self.disk.may_return.clear()
        thread = threading.Thread(target=self.worker.round)
        thread.start()
        assert self.disk.is_asked.wait(20)
        try:
            yield
        finally:
            self.disk.may_return.set()
            self.worker.ask_to_stop()  # nor wait for the next poll
            thread.join(20)
        assert not thread.is_alive()

    def poll(self) -> None:
        with self.polling():
            pass


def test_a_poll_that_does_not_return_makes_the_source_unreachable_until_it_does() -> None:
    scene = Scene()
    scene.poll()
    assert (scene.worker.status.state, scene.values) == (ComponentState.UP, [1.0])
    with scene.polling():
        scene.look_after(29.9)
        assert (scene.worker.status.state, scene.values) == (ComponentState.UP, [1.0])
        scene.look_after(0.2)
        status = scene.worker.status
        assert status.state is ComponentState.UNREACHABLE
        assert status.statement == "its poll of 12:00:00 UTC has not returned; see what it hangs on"
        assert scene.heard[-1].detail == status.statement
        # and it is said as often as it would be polled, so that a limit can see how long it lasts
        for _ in range(3):
            scene.look_after(1)
        assert scene.values == [1.0, *[0.0] * 4]
        assert (scene.errors, scene.worker.status.since) == (1, status.since)
    assert (scene.worker.status.state, scene.values[-1]) == (ComponentState.UP, 1.0)
    scene.look_after(1000)
    assert scene.values[-1] == 1.0, "between two polls nothing hangs"


def test_a_slow_source_has_three_intervals_and_speaks_once_in_each() -> None:
    scene = Scene(every_s=60)
    with scene.polling():
        scene.look_after(179)
        assert scene.values == []
        for _ in range(61):
            scene.look_after(1)
        assert scene.values == [0.0, 0.0]


def test_one_that_never_answered_is_told_as_well() -> None:
    scene = Scene()
    with scene.polling():
        scene.look_after(30)
        assert scene.worker.status.state is ComponentState.UNREACHABLE


def test_a_poll_that_fails_after_it_hung_says_why_by_then() -> None:
    scene = Scene()
    scene.disk.error = UnreachableError("stale file handle")
    with scene.polling():
        scene.look_after(30)
        since = scene.worker.status.since
    assert scene.worker.status.statement == "stale file handle"
    assert (scene.worker.status.since, scene.values) == (since, [0.0, 0.0])


def test_a_clock_that_is_set_forward_makes_no_poll_hang() -> None:
    scene = Scene()
    with scene.polling():
        scene.clock._now += timedelta(hours=6)
        scene.look_after(1)
        assert scene.values == []


def test_the_watch_looks_at_every_source_and_goes_on(eventually: Callable[[Callable[[], bool]], None]) -> None:
    scenes = (Scene(), Scene())
    clock = scenes[0].clock
    watch = HangWatch(tuple(scene.worker for scene in scenes), clock, scenes[0].metrics)
    with scenes[0].polling(), scenes[1].polling():
        for scene in scenes:
            scene.clock.advance(timedelta(seconds=31))
        watch.start()
        eventually(lambda: all(scene.values for scene in scenes))
        watch.ask_to_stop()
        watch.join(timedelta(seconds=10))


def test_an_engine_has_the_watch_and_ends_it(tmp_path: Path) -> None:
    (tmp_path / "recoverops.yaml").write_text("data_dir: data\nhistory: {enabled: false}\n")
    engine = RecoverOps(load_settings(tmp_path / "recoverops.yaml", {}))
    engine.start()
    try:
        assert _watches() == 1
    finally:
        engine.close()
    assert _watches() == 0


def _watches() -> int:
    return sum(one.name == "recoverops-hang-watch" for one in threading.enumerate())

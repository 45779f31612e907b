"""The threads of the engine: one for the pipeline, one for the sweep, one for the deliveries of each channel.

Each is a loop with a bounded wait that survives every error: it is logged, counted, and the loop goes on.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush

from recoverops.model import ComponentStatus, RetryableError, Sample, StoredAlert
from recoverops.pipeline import Courier, Observer, Sweep
from recoverops.ports import Clock, Store, Telemetry
from recoverops.redact import redact

_LOG = logging.getLogger("recoverops.workers")
_LONGEST_WAIT_S = 1.0
_LOOK_WITHOUT_CHANNEL_S = 10.0
_BATCH = 200
_GATHER_S = 0.1
"""How long a notification waits for others of its moment."""
QUEUED_POLLS = 1000
QUEUED_PUSHED = 50_000
"""Pushed samples; some 20 MiB."""


class Worker:
    """A named thread around `round`, which returns how many seconds may pass until the next one."""

    def __init__(self, name: str, clock: Clock, telemetry: Telemetry) -> None:
        self.name = name
        self._clock = clock
        self._telemetry = telemetry
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"recoverops-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()
        self.wake()

    def join(self, timeout: timedelta) -> None:
        if self._thread.is_alive():
            self._thread.join(timeout.total_seconds())

    def wake(self) -> None:
        """Cut the current wait short."""

    def round(self) -> None:
        raise AssertionError("every worker has its own round")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.round()
            except Exception as error:  # noqa: BLE001 - a worker's supervisor: recorded, and the loop goes on
                known = isinstance(error, RetryableError)
                _LOG.log(
                    logging.WARNING if known else logging.ERROR,
                    "worker_error",
                    extra={"worker": self.name, "error": redact(f"{type(error).__name__}: {error}")},
                    exc_info=None if known else error,
                )
                self._telemetry.count("recoverops_worker_errors_total", worker=self.name)
                self._stopping.wait(_LONGEST_WAIT_S)


class PipelineWorker(Worker):
    """Takes samples from the sources and alerts from the store, one after the other."""

    def __init__(
        self,
        observer: Observer,
        store: Store,
        clock: Clock,
        telemetry: Telemetry,
        keep: Callable[[tuple[Sample, ...]], None] = lambda samples: None,
    ) -> None:
        """`keep` is told every sample and may neither wait nor raise: the history."""
        super().__init__("pipeline", clock, telemetry)
        self._keep = keep
        self._observer = observer
        self._store = store
        self._queue: queue.Queue[tuple[Sample, ...]] = queue.Queue(maxsize=QUEUED_POLLS)
        self._alerts = threading.Event()
        self._alerts.set()  # what was stored before a crash is taken first
        self.after_round: Callable[[], None] = lambda: None
        self._pushed: deque[tuple[Sample, ...]] = deque()
        self._pushed_count = 0
        self._pushed_lock = threading.Lock()

    def take(self, samples: tuple[Sample, ...]) -> None:
        """From a source. While the queue is full the poll is dropped: the next one says the same, only newer."""
        self._keep(samples)
        try:
            self._queue.put_nowait(samples)
        except queue.Full:
            self._telemetry.count("recoverops_worker_errors_total", worker=self.name)

    def has_room(self, count: int) -> bool:
        """Whether so many more pushed samples may wait. More than the whole queue holds may come when it is empty."""
        with self._pushed_lock:
            return not self._pushed_count or self._pushed_count + count <= QUEUED_PUSHED

    def push(self, samples: tuple[Sample, ...]) -> None:
        """From the metric intake, which asks `has_room` before; never dropped, because the sender has been told so."""
        self._keep(samples)
        with self._pushed_lock:
            self._pushed.append(samples)
            self._pushed_count += len(samples)
        self.wake()

    @property
    def queued(self) -> int:
        """Polls, and wake-up calls, that wait for it."""
        return self._queue.qsize()

    def alerts_stored(self) -> None:
        self._alerts.set()
        self.wake()

    def wake(self) -> None:
        try:
            self._queue.put_nowait(())
        except queue.Full:
            return  # then it is awake

    def round(self) -> None:
        self._observer.save()
        self.after_round()
        if self._alerts.is_set():
            self._take_alerts()
        with contextlib.suppress(queue.Empty):
            samples = self._queue.get(timeout=0.0 if self._pushed else _LONGEST_WAIT_S)
            if samples:
                self._observer.take_samples(samples)
        if self._pushed:
            self._take_pushed()
        if self._alerts.is_set():
            self._take_alerts()

    def _take_pushed(self) -> None:
        """One delivery a round, so that polls and alerts come in between."""
        with self._pushed_lock:
            samples = self._pushed.popleft()
            self._pushed_count -= len(samples)
        self._observer.take_samples(samples)

    def _take_alerts(self) -> None:
        self._alerts.clear()
        try:
            stored = self._next_alerts()
            while stored:
                self._take(stored)
                # What is stored after this look wakes us again, so a batch with room in it was the last one.
                stored = self._next_alerts() if len(stored) == _BATCH else ()
        except BaseException:
            self._alerts.set()
            raise

    def _take(self, stored: tuple[StoredAlert, ...]) -> None:
        """In a storm a response waits at the store on every thread; every fourth turn then goes to the patient."""
        with self._store.patiently() if len(stored) == _BATCH else contextlib.nullcontext():
            self._observer.take_alerts(stored)

    def _next_alerts(self) -> tuple[StoredAlert, ...]:
        return self._store.read(lambda tx: tx.signals.pending(limit=_BATCH))


class SweepWorker(Worker):
    """Looks at everything about once a second, and wakes what waits at the moment that somebody asked for.

    Only the first reads every open incident: a storm brings thousands of them, and asks thousands of times.
    """

    def __init__(self, clock: Clock, telemetry: Telemetry) -> None:
        super().__init__("sweep", clock, telemetry)
        self.sweep: Sweep | None = None
        self.after_tick: Callable[[], None] = lambda: None
        self._changed = threading.Condition()
        self._due: list[datetime] = []  # a heap
        self._ticked_at = -_LONGEST_WAIT_S

    def nudge(self, at: datetime | None) -> None:
        """Wake what is due at that time; now when it is None."""
        with self._changed:
            heappush(self._due, at or self._clock.now())
            self._changed.notify()

    def wake(self) -> None:
        self.nudge(None)

    def round(self) -> None:
        self._look()
        with self._changed:
            while (wait_s := self._wait_s()) > 0:
                self._changed.wait(wait_s)
            now = self._clock.now()
            while self._due and self._due[0] <= now:
                heappop(self._due)

    def _look(self) -> None:
        is_time = self._until_tick_s() <= 0
        if self.sweep is not None:
            look = self.sweep.tick if is_time else self.sweep.wake_due
            look()
        if is_time:
            self.after_tick()
            self._ticked_at = self._clock.monotonic()

    def _until_tick_s(self) -> float:
        return self._ticked_at + _LONGEST_WAIT_S - self._clock.monotonic()

    def _wait_s(self) -> float:
        if not self._due:
            return self._until_tick_s()
        return min(self._until_tick_s(), (self._due[0] - self._clock.now()).total_seconds())


class CourierWorker(Worker):
    """Delivers the notifications of one channel, and looks for those that are to be tried again.

    They go a moment after they were posted: what comes together is read together, and does not compete with the action
    that it tells of. The one without a channel delivers and tries again nothing, so it looks seldom.
    """

    def __init__(self, channel: str, courier: Courier, clock: Clock, telemetry: Telemetry) -> None:
        super().__init__(f"courier-{channel}" if channel else "courier", clock, telemetry)
        self._courier = courier
        self._posted = threading.Event()
        self._look_every_s = _LONGEST_WAIT_S if channel else _LOOK_WITHOUT_CHANNEL_S
        self._gather_s = _GATHER_S if channel else _LONGEST_WAIT_S

    @property
    def status(self) -> ComponentStatus | None:
        """None for the one without a channel."""
        return self._courier.status()

    def wake(self) -> None:
        self._posted.set()

    def round(self) -> None:
        self._posted.clear()
        if self._courier.deliver_due() == 0 and self._posted.wait(self._look_every_s):
            self._stopping.wait(self._gather_s)

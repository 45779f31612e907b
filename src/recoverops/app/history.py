"""The thread that keeps what was measured. It looks once a second, so a sample costs its sender one append to a list.

The pipeline is never slowed: while too much waits, samples are left out and counted. What fails here is told in
`/status` and tried again; it stops nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from recoverops.api.telemetry import Metrics
from recoverops.app.workers import Worker
from recoverops.model import ComponentState, ComponentStatus, RecoverOpsError, Sample, format_duration
from recoverops.model.columns import Columns
from recoverops.ports import Clock, HistoryDrop, ObjectStore, SeriesKey
from recoverops.storage.history import HistorySettings
from recoverops.storage.history.store import HistoryStanding, ParquetHistory, open_history

NAME = "history"
LOOK_EVERY_S, OPEN_EVERY_S, PRUNE_EVERY_S = 1.0, 30.0, 600.0
QUEUED_SAMPLES = 100_000


class HistoryWorker(Worker):
    """Owns the history: opens and writes it, keeps it small, and says how it is doing."""

    def __init__(self, settings: HistorySettings, root: Path, clock: Clock, metrics: Metrics) -> None:
        super().__init__(NAME, clock, metrics)
        self._settings = settings
        self._root = root
        self._metrics = metrics
        self._history: ParquetHistory | None = None
        self._problem = ""
        self.open_objects: Callable[[], ObjectStore | None] = lambda: None
        """Where the files are kept beside the folder; the plugins are loaded when it is called."""
        self._lock = threading.Lock()
        self._queue: list[Sample] = []
        self._open_due = clock.monotonic()
        self._flush_due = self._prune_due = clock.monotonic() + settings.flush_every.total_seconds()
        self._since = clock.now()

    @property
    def opened(self) -> ParquetHistory | None:
        """The history for reading; None until it is open."""
        return self._history

    def take(self, samples: Sequence[Sample]) -> None:
        """From the pipeline. Never waits and never raises."""
        with self._lock:
            room = max(0, QUEUED_SAMPLES - len(self._queue))
            self._queue.extend(samples[:room])
        self._count({HistoryDrop.QUEUE_FULL: max(0, len(samples) - room)})

    @property
    def status(self) -> ComponentStatus:
        standing = self._history.standing() if self._history is not None else None
        state, told = self._told(standing)
        return ComponentStatus(name=NAME, state=state, statement=told, since=self._since)

    def _told(self, standing: HistoryStanding | None) -> tuple[ComponentState, str]:
        if standing is None:
            return (ComponentState.UNREACHABLE, self._problem) if self._problem else (ComponentState.STARTING, "opens")
        where = f" in {self._settings.place}" if self._settings.place else ""
        told = (
            f"samples are kept for {format_duration(self._settings.keep)}{where}; {standing.waiting} wait to be written"
        )
        if standing.flushed_at is not None:
            told += f", the last were written at {standing.flushed_at:%H:%M:%S} UTC"
        if standing.problem:
            return ComponentState.DEGRADED, f"{standing.problem}; {standing.waiting} samples wait in memory"
        if standing.away:
            return ComponentState.DEGRADED, f"{told}; {standing.away}"
        if standing.damaged:
            return ComponentState.DEGRADED, f"{told}; set aside because damaged: {', '.join(standing.damaged)}"
        return ComponentState.UP, told

    def round(self) -> None:
        now = self._clock.monotonic()
        if self._history is None and now >= self._open_due:
            self._open_due = now + OPEN_EVERY_S
            self._history = self._opened()
        if self._history is not None:
            self._tend(self._history, now)
        self._stopping.wait(LOOK_EVERY_S)

    def close(self) -> None:
        """After the thread has ended: what is left is written."""
        if self._history is not None:
            self._append(self._history)
            self._history.close()

    def _opened(self) -> ParquetHistory:
        try:
            return open_history(self._settings, self._root, clock=self._clock, objects=self.open_objects())
        except RecoverOpsError as error:
            self._problem = str(error)
            raise

    def _tend(self, history: ParquetHistory, now: float) -> None:
        self._append(history)
        if now >= self._flush_due or history.wants_flush():
            self._flush_due = now + self._settings.flush_every.total_seconds()
            history.flush()
        if now >= self._prune_due:
            self._prune_due = now + PRUNE_EVERY_S
            history.prune()

    def _append(self, history: ParquetHistory) -> None:
        with self._lock:
            samples, self._queue = self._queue, []
        if samples:
            self._count(history.append(*as_columns(samples)))

    def _count(self, dropped: Mapping[HistoryDrop, int]) -> None:
        for reason, count in dropped.items():
            if count:
                self._metrics.add("recoverops_history_dropped_total", count, reason=reason)


def as_columns(samples: Sequence[Sample]) -> tuple[tuple[SeriesKey, ...], Columns]:
    numbers: dict[SeriesKey, int] = {}
    series = [
        numbers.setdefault(SeriesKey(resource=sample.resource, metric=sample.metric), len(numbers))
        for sample in samples
    ]
    columns = Columns(
        series=np.array(series, dtype=np.int32),
        at=np.array([sample.at.timestamp() for sample in samples], dtype=np.float64),
        values=np.array([sample.value for sample in samples], dtype=np.float64),
    )
    return tuple(numbers), columns


def disabled_history(since: datetime) -> ComponentStatus:
    return ComponentStatus(
        name=NAME, state=ComponentState.DISABLED, statement="history.enabled is false: nothing is kept", since=since
    )

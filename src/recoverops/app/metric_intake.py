"""The thread that reads pushed metrics: a queue of deliveries, bounded by bytes, and one decoder behind it.

The event loop only queues (`submit`); the future is done when the samples were handed on. The compiled decoders are
loaded on this thread, so a start does not wait for them; deliveries that come meanwhile do.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recoverops.api.telemetry import Metrics, Reading
from recoverops.app.kernels import loading_kernels
from recoverops.app.workers import PipelineWorker, Worker
from recoverops.model import OverloadedError
from recoverops.model.delivery import MetricDelivery, MetricReceipt
from recoverops.ports import Clock
from recoverops.sources import IntakeSettings
from recoverops.topology import Inventory

if TYPE_CHECKING:
    from recoverops.app.pushed_samples import PipelineSink
    from recoverops.sources.series_table import SeriesTable

_WAIT_S = 1.0
_UPKEEP_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    delivery: MetricDelivery
    done: Future[MetricReceipt]


class MetricIntake(Worker):
    def __init__(
        self, settings: IntakeSettings, inventory: Inventory, pipeline: PipelineWorker, clock: Clock, metrics: Metrics
    ) -> None:
        super().__init__("metric-intake", clock, metrics)
        self._settings = settings
        self._inventory = inventory
        self._pipeline = pipeline
        self._metrics = metrics
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._table: SeriesTable | None = None
        self._sink: PipelineSink | None = None
        self._upkeep_due = clock.monotonic() + _UPKEEP_EVERY_S

    @property
    def queued_bytes(self) -> int:
        return self._queued_bytes

    def submit(self, delivery: MetricDelivery) -> Future[MetricReceipt]:
        """Queue one delivery. A single one larger than the whole queue is taken when the queue is empty.

        Raises OverloadedError when the queue is full. The future raises what `operations.admit_metrics` raises.
        """
        size, most = len(delivery.body), self._settings.metric_queue_bytes
        waiting = _Waiting(delivery, Future())
        with self._changed:
            if self._stopping.is_set():
                raise OverloadedError("the metric intake is closing; send the delivery again in a moment")
            if self._queue and self._queued_bytes + size > most:
                raise OverloadedError(
                    f"the queue of pushed metrics is full ({self._queued_bytes} of {most} bytes wait to be read); send "
                    "the delivery again in a moment, or raise intake.metric_queue_bytes"
                )
            self._queue.append(waiting)
            self._queued_bytes += size
            self._changed.notify()
        return waiting.done

    def wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def readings(self) -> Iterable[Reading]:
        """Gauges for /metrics."""
        yield "recoverops_pushed_queue_bytes", {}, float(self._queued_bytes)
        yield "recoverops_pushed_series", {}, float(len(self._table) if self._table is not None else 0)

    def round(self) -> None:
        if self._table is not None and self._sink is not None:
            self._upkeep(self._table, self._sink)
        with self._changed:
            if not self._queue and not self._stopping.is_set():
                self._changed.wait(_WAIT_S)
            waiting = self._queue.popleft() if self._queue else None
            self._queued_bytes -= len(waiting.delivery.body) if waiting is not None else 0
        if waiting is not None and waiting.done.set_running_or_notify_cancel():
            self._admit(waiting, *self._tools())

    def close(self) -> None:
        """After the thread has ended: nobody is left waiting for an answer."""
        with self._changed:
            left, self._queue = list(self._queue), deque()
            self._queued_bytes = 0
        for waiting in left:
            if waiting.done.set_running_or_notify_cancel():
                waiting.done.set_exception(OverloadedError("the engine stops; send the delivery again in a moment"))

    def _tools(self) -> tuple[SeriesTable, PipelineSink]:
        """Made on this thread with the first delivery: the compiled decoders come with them, and whom nobody pushes
        anything does without."""
        if self._table is None or self._sink is None:
            with loading_kernels():
                import recoverops.operations.admit_metrics  # noqa: F401 - the compiled decoders
                from recoverops.app.pushed_samples import PipelineSink
                from recoverops.sources.series_table import SeriesTable

            self._table = SeriesTable(limit=self._settings.max_series, seed=secrets.randbits(64))
            self._sink = PipelineSink(
                self._settings,
                self._inventory,
                self._clock,
                has_room=self._pipeline.has_room,
                push=self._pipeline.push,
                tell=self._tell,
            )
        return self._table, self._sink

    def _admit(self, waiting: _Waiting, table: SeriesTable, sink: PipelineSink) -> None:
        from recoverops.operations.admit_metrics import admit_metrics
        from recoverops.sources.push_limits import PushLimits

        limits = PushLimits(uncompressed_bytes=self._settings.max_uncompressed_bytes)
        source = waiting.delivery.format.source
        try:
            admitted = admit_metrics(waiting.delivery, table, sink, limits, now=self._clock.now().timestamp())
        except Exception as error:  # noqa: BLE001 - supervisor: the sender is told, the next delivery is read
            waiting.done.set_exception(error)
            return
        self._tell(source, "refused", admitted.receipt.refused)
        for what, count in admitted.skipped.items():
            self._metrics.add("recoverops_pushed_skipped_total", count, source=source, what=what)
        waiting.done.set_result(admitted.receipt)

    def _tell(self, source: str, outcome: str, count: int) -> None:
        if count:
            self._metrics.add("recoverops_pushed_samples_total", count, source=source, outcome=outcome)

    def _upkeep(self, table: SeriesTable, sink: PipelineSink) -> None:
        if self._clock.monotonic() < self._upkeep_due:
            return
        self._upkeep_due = self._clock.monotonic() + _UPKEEP_EVERY_S
        now = self._clock.now()
        sink.release_silent(table, before=(now - self._settings.max_sample_age).timestamp())
        dropped = table.drop_idle(before=(now - self._settings.series_idle_after).timestamp())
        if len(dropped):
            sink.forget(dropped)

"""Group commit: many deliveries share one flush to disk, and none is acknowledged before it.

`admit` is called on the event loop and only queues. One thread writes whatever is there, at most `group` deliveries
in a transaction, without waiting for more. The queue is bounded by bytes; a failed write fails the futures of its own
group, and the thread lives on. When what failed is of no use to repeat, the deliveries of the group are written one by
one, so that a bad one fails alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta

from recoverops.model import Admission, Alert, OverloadedError, RetryableError

WriteGroup = Callable[[Sequence[Sequence[Alert]]], Sequence[Admission]]
"""Writes the deliveries of one group durably and answers for each of them."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    alerts: Sequence[Alert]
    size: int
    done: Future[Admission]


class IntakeWriter:
    def __init__(self, write_group: WriteGroup, *, queue_bytes: int, group: int) -> None:
        self._write_group = write_group
        self._queue_bytes = queue_bytes
        self._group = group
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="recoverops-intake", daemon=True)
        self._thread.start()

    @property
    def queued_bytes(self) -> int:
        return self._queued_bytes

    def admit(self, alerts: Sequence[Alert], *, size: int) -> Future[Admission]:
        """Queue one delivery. A single one larger than the whole queue is taken when the queue is empty."""
        waiting = _Waiting(alerts, size, Future())
        with self._changed:
            if self._closing:
                raise OverloadedError("the intake is closing; send the delivery again in a moment")
            if self._queue and self._queued_bytes + size > self._queue_bytes:
                raise OverloadedError(
                    f"the intake queue is full ({self._queued_bytes} of {self._queue_bytes} bytes wait to be written); "
                    "send the delivery again in a moment, or raise storage.intake_queue_bytes"
                )
            self._queue.append(waiting)
            self._queued_bytes += size
            self._changed.notify()
        return waiting.done

    def close(self, *, timeout: timedelta) -> bool:
        """Take nothing more, write what is queued and stop; False when that took longer than `timeout`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout.total_seconds())
        return not self._thread.is_alive()

    def _work(self) -> None:
        while group := self._next_group():
            self._write([waiting for waiting in group if waiting.done.set_running_or_notify_cancel()])

    def _next_group(self) -> list[_Waiting]:
        """What is there now; empty only when the intake is closed and drained."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait(timeout=60.0)
            group = [self._queue.popleft() for _ in range(min(self._group, len(self._queue)))]
            self._queued_bytes -= sum(waiting.size for waiting in group)
            return group

    def _write(self, group: Sequence[_Waiting]) -> None:
        if not group:
            return
        try:
            answers = self._write_group([waiting.alerts for waiting in group])
        except Exception as error:  # noqa: BLE001 - supervisor: the group's senders are told, the next group is written
            if len(group) > 1 and not isinstance(error, RetryableError):
                for waiting in group:
                    self._write([waiting])
                return
            for waiting in group:
                waiting.done.set_exception(error)
            return
        for waiting, answer in zip(group, answers, strict=True):
            waiting.done.set_result(answer)

"""Delivers what stands in the outbox. Each attempt is recorded; a channel that is down or hangs delays only itself.

After an attempt that failed and may be made again its whole channel pauses, and then goes on where it stopped: what
happened first is told first, and whoever asks to be left alone is.

`couriers` makes one for each channel, and `app` gives each a thread of its own.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from recoverops.model import (
    ComponentState,
    ComponentStatus,
    Delivery,
    DeliveryState,
    RecoverOpsError,
    RetryableError,
)
from recoverops.notifications import not_sent, sent
from recoverops.pipeline.parts import Parts
from recoverops.ports import Notifier, Tx
from recoverops.redact import redact

_LOG = logging.getLogger("recoverops.delivery")
_BATCH = 50
_COUNT_EVERY_S = 1.0
"""Counting takes milliseconds when ten thousands wait."""
_LATELY = timedelta(hours=1)
_MOST_GIVEN_UP = 10_000
_TOGETHER_S = 0.1
"""Attempts within it are recorded in one transaction; after a crash in it they are made again, under the same keys."""


def couriers(parts: Parts, notifiers: Mapping[str, Notifier]) -> dict[str, Courier]:
    """One for each notifier, by its name; and one under no name, for what is posted to one that is not loaded."""
    own = {name: Courier(parts, {name: one}, only=name) for name, one in notifiers.items()}
    return {**own, "": Courier(parts, {}, without=tuple(notifiers))}


class _Seen:
    """How a channel is doing: what became of the last attempt, how many wait, how many were given up lately.

    Written by the courier's thread, read by others.
    """

    def __init__(self, now: datetime) -> None:
        self.waiting = 0
        self._error = ""
        self._since = now
        self._given_up: deque[datetime] = deque(maxlen=_MOST_GIVEN_UP)

    def sent(self, now: datetime) -> None:
        if self._error:
            self._error, self._since = "", now

    def failed(self, error: str, now: datetime, *, is_given_up: bool = False) -> None:
        if not self._error:
            self._since = now
        self._error = error or "it failed"
        if is_given_up:
            self._given_up.append(now)

    def status(self, name: str, now: datetime) -> ComponentStatus:
        error, given_up = self._error, sum(now - at <= _LATELY for at in tuple(self._given_up))
        told = f"the last attempt failed: {error}" if error else "delivers"
        return ComponentStatus(
            name=name,
            state=ComponentState.DEGRADED if error else ComponentState.UP,
            statement=f"{told}; {self.waiting} wait, {given_up} were given up in the last hour",
            since=self._since,
        )


class Courier:
    """Carries what is posted to every channel; to `only` this one; or to none of `without`."""

    def __init__(
        self,
        parts: Parts,
        notifiers: Mapping[str, Notifier],
        *,
        only: str | None = None,
        without: Collection[str] = (),
    ) -> None:
        self._parts = parts
        self._notifiers = notifiers
        self._only = only
        self._without = without
        self._unrecorded: list[Delivery] = []
        self._paused: dict[str, float] = {}
        """Channel -> until when, by the clock that never steps."""
        self._counts_at = -math.inf
        self._seen = _Seen(parts.clock.now())

    def deliver_due(self) -> int:
        """One round; how many attempts it made. None is made while an earlier one is not recorded: it would be made
        again and again."""
        self._record()
        due = self._parts.store.read(self._look)
        since, made = self._parts.clock.monotonic(), 0
        for delivery in due:
            if self._pauses(delivery.channel):
                continue
            after = self._attempt(delivery)
            self._unrecorded.append(after)
            self._seen.waiting -= after.state is not DeliveryState.PENDING
            made += 1
            if self._parts.clock.monotonic() - since > _TOGETHER_S:
                break  # what was posted meanwhile may be more urgent than the rest
        self._record()
        return made

    def status(self) -> ComponentStatus | None:
        """How its one channel is doing; None when it has no one."""
        return self._seen.status(f"channel {self._only}", self._parts.clock.now()) if self._only else None

    def _look(self, tx: Tx) -> tuple[Delivery, ...]:
        now = self._parts.clock.now()
        due = tx.outbox.due(now, limit=_BATCH, only=self._only, without=self._without)
        if self._only is not None:
            if 0 < len(due) < _BATCH:
                self._seen.waiting = len(due)
            elif self._parts.clock.monotonic() >= self._counts_at:
                self._counts_at = self._parts.clock.monotonic() + _COUNT_EVERY_S
                self._seen.waiting = tx.outbox.waiting(self._only)
            if not due:
                for one in tx.outbox.pausing(now, only=self._only)[:1]:
                    self._seen.failed(one.last_error, now)
        return due

    def _pauses(self, channel: str) -> bool:
        """The store knows it too, but for one whose message was given up."""
        return self._parts.clock.monotonic() < self._paused.get(channel, -math.inf)

    def _record(self) -> None:
        """While the store cannot be written they are kept; what it refuses for another reason is given up."""
        tried = self._unrecorded
        if not tried:
            return
        try:
            with self._parts.store.patiently():
                self._parts.store.write(_saving(tried))
        except RetryableError:
            raise
        except BaseException:
            self._unrecorded = []
            raise
        self._unrecorded = []
        for after in tried:
            self._parts.telemetry.count("recoverops_deliveries_total", channel=after.channel, state=after.state)

    def _attempt(self, delivery: Delivery) -> Delivery:
        notifier = self._notifiers.get(delivery.channel)
        if notifier is None:
            return self._failed(delivery, f'no notifier "{delivery.channel}" is loaded', may_retry=False)
        key = f"{delivery.notification.id}:{delivery.channel}"
        try:
            notifier.send(delivery.notification, idempotency_key=key)
        except RetryableError as error:
            return self._failed(delivery, redact(str(error)), may_retry=True, delay=error.delay)
        except RecoverOpsError as error:
            return self._failed(delivery, redact(str(error)), may_retry=False)
        except Exception as error:  # noqa: BLE001 - a plugin call: its failure is recorded as data
            return self._failed(delivery, redact(f"{type(error).__name__}: {error}"), may_retry=True)
        self._seen.sent(self._parts.clock.now())
        return sent(delivery, now=self._parts.clock.now())

    def _failed(self, delivery: Delivery, error: str, *, may_retry: bool, delay: timedelta = timedelta(0)) -> Delivery:
        _LOG.warning("delivery_failed", extra={"channel": delivery.channel, "error": error})
        now = self._parts.clock.now()
        after = not_sent(delivery, error, now=now, delay=delay, may_retry=may_retry, settings=self._parts.notifications)
        if may_retry:
            pause = (after.next_at - now).total_seconds()
            self._paused[delivery.channel] = self._parts.clock.monotonic() + pause
        self._seen.failed(error, now, is_given_up=after.state is DeliveryState.FAILED)
        return after


def _saving(tried: Sequence[Delivery]) -> Callable[[Tx], None]:
    def save(tx: Tx) -> None:
        for delivery in tried:
            tx.outbox.save(delivery)

    return save

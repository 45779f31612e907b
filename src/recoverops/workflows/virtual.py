"""Durable work in one thread and virtual time, for tests and backtests: the same answers as on DBOS, without waiting.

Checkpoints live in memory, as the JSON that DBOS would store. A segment can be made to crash between an effect and its
memory, which is where durable work goes wrong; the next `run_until_idle` resumes it at its last checkpoint.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import msgspec

from recoverops.model import PermanentError, RecoverOpsError, SegmentKey
from recoverops.ports import Clock, Respond, Tx
from recoverops.redact import redact
from recoverops.workflows.checkpoint import (
    Failure,
    UniqueNames,
    checked_sleep,
    error_from,
    failure_of,
    from_plain,
    to_plain,
)
from recoverops.workflows.quiet_log import logger

T = TypeVar("T")

CrashAt = Callable[[str, str], bool]
"""(point, step name) -> whether to crash there. Points: `before`, `after_effect` (never for tx), `after`;
a sleep, which has no name, is called `sleep`."""


class SimulatedCrash(BaseException):
    """The process died here. Leaves `run_until_idle`; everything that was remembered is still remembered."""


class VirtualClock:
    """A clock that moves only when it is told to, or when somebody sleeps on it."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=max(0.0, seconds)))

    def advance(self, by: timedelta) -> None:
        self._now += by
        self._monotonic += by.total_seconds()


class _Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    plain: Any = None
    failure: Failure | None = None


class VirtualEngine:
    """`ports.Engine` for one thread. `start` queues, `run_until_idle` runs.

    `run_tx` runs its function in one transaction of the store; give it `Store.write`.
    """

    def __init__(
        self,
        *,
        respond: Respond,
        run_tx: Callable[[Callable[[Tx], Any]], Any],
        clock: Clock,
        on_failure: Callable[[SegmentKey, str], None] | None = None,
        crash_at: CrashAt | None = None,
    ) -> None:
        self._respond = respond
        self._run_tx = run_tx
        self._clock = clock
        self._on_failure = on_failure
        self._crash_at = crash_at
        self._checkpoints: dict[str, list[bytes]] = {}
        self._queue: deque[SegmentKey] = deque()
        self._stopped = False

    def start(self, key: SegmentKey) -> None:
        if self._stopped or key.workflow_id in self._checkpoints:
            return
        self._checkpoints[key.workflow_id] = []
        self._queue.append(key)

    def is_running(self, key: SegmentKey) -> bool:
        return key in self._queue

    def stop(self, *, timeout: timedelta) -> None:
        """Nothing runs between two calls, so there is nothing to wait for."""
        self._stopped = True

    def run_until_idle(self) -> None:
        """Run every queued segment to its end, in order, also those that these start. May raise SimulatedCrash."""
        while self._queue and not self._stopped:
            self._run(self._queue[0])
            self._queue.popleft()

    def _run(self, key: SegmentKey) -> None:
        context = _VirtualContext(
            checkpoints=self._checkpoints[key.workflow_id],
            run_tx=self._run_tx,
            clock=self._clock,
            crash_at=self._crash_at,
        )
        try:
            self._respond(context, key)
        except Exception as error:  # noqa: BLE001 - the supervisor of a segment: its failure becomes data
            message = redact(f"{type(error).__name__}: {error}")
            logger.error("workflow.segment_failed", extra={"workflow_id": key.workflow_id, "text": message})
            if self._on_failure is not None:
                self._on_failure(key, message)


class _VirtualContext:
    """`ports.WorkflowContext` of one attempt at one segment."""

    def __init__(
        self,
        *,
        checkpoints: list[bytes],
        run_tx: Callable[[Callable[[Tx], Any]], Any],
        clock: Clock,
        crash_at: CrashAt | None,
    ) -> None:
        self._checkpoints = checkpoints
        self._run_tx = run_tx
        self._clock = clock
        self._crash_at = crash_at
        self._position = 0
        self._names = UniqueNames()

    def step(self, name: str, fn: Callable[[], T], *, returns: Any) -> T:
        def answer() -> Any:
            return to_plain(name, fn(), returns=returns)

        return cast(T, self._remembered(name, answer, returns=returns, has_gap=True))

    def tx(self, name: str, fn: Callable[[Tx], T], *, returns: Any) -> T:
        def answer() -> Any:
            return self._run_tx(lambda tx: to_plain(name, fn(tx), returns=returns))

        return cast(T, self._remembered(name, answer, returns=returns, has_gap=False))

    def sleep(self, duration: timedelta) -> None:
        self._maybe_crash("before", "sleep")
        self._clock.sleep(checked_sleep(duration).total_seconds())
        self._maybe_crash("after", "sleep")

    def now(self, name: str) -> datetime:
        return self.step(name, self._clock.now, returns=datetime)

    def _remembered(self, name: str, answer: Callable[[], Any], *, returns: Any, has_gap: bool) -> Any:
        """`has_gap`: there is a moment between the effect and its checkpoint in which a crash forgets the effect."""
        self._names.claim(name)
        self._position += 1
        if self._position <= len(self._checkpoints):
            checkpoint = msgspec.json.decode(self._checkpoints[self._position - 1], type=_Checkpoint)
            return _replayed(name, checkpoint, returns=returns)
        self._maybe_crash("before", name)
        try:
            checkpoint = _Checkpoint(name=name, plain=answer())
        except Exception as error:  # noqa: BLE001 - what a step raises is remembered as data
            checkpoint = _Checkpoint(name=name, failure=failure_of(error))
            cause: Exception | None = error
        else:
            cause = None
        if has_gap:
            self._maybe_crash("after_effect", name)
        self._checkpoints.append(msgspec.json.encode(checkpoint))
        self._maybe_crash("after", name)
        if checkpoint.failure is not None:
            raise error_from(checkpoint.failure) from cause
        return _replayed(name, checkpoint, returns=returns)

    def _maybe_crash(self, point: str, name: str) -> None:
        if self._crash_at is not None and self._crash_at(point, name):
            raise SimulatedCrash(f"{point} {name}")


def _replayed(name: str, checkpoint: _Checkpoint, *, returns: Any) -> Any:
    if checkpoint.name != name:
        raise _another_order(name, checkpoint.name)
    if checkpoint.failure is not None:
        raise error_from(checkpoint.failure)
    return from_plain(name, checkpoint.plain, returns=returns)


def _another_order(name: str, remembered: str) -> RecoverOpsError:
    return PermanentError(
        f'the segment asks for step "{name}" where it did "{remembered}" before the crash; '
        "a response must take the same steps for the same answers"
    )

"""The `ports.WorkflowContext` of a segment that runs on a thread. `on_threads` makes one for each run.

Every door checks first whether the engine stops; then the segment is unwound and stays due, so a stop costs at most
the step that is running.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from recoverops.model import RetryableError, SegmentKey
from recoverops.ports import Store, Tx
from recoverops.redact import redact
from recoverops.workflows.sleeping import checked_sleep
from recoverops.workflows.stopping import Stopping

T = TypeVar("T")

_LOG = logging.getLogger("recoverops.workflows")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 2.0


class ThreadContext:
    def __init__(self, key: SegmentKey, store: Store, stopping: Stopping) -> None:
        self._key = key
        self._store = store
        self._stopping = stopping
        self.at = ""
        """Where the segment is: the name that it gave last."""

    def read(self, name: str, fn: Callable[[Tx], T]) -> T:
        return self._patiently(name, lambda: self._store.read(fn), is_owed=False)

    def tx(self, name: str, fn: Callable[[Tx], T], *, is_owed: bool = False) -> T:
        return self._patiently(name, lambda: self._store.write(fn), is_owed=is_owed)

    def step(self, name: str, fn: Callable[[], T], *, is_owed: bool = False) -> T:
        self.at = name
        self._stopping.halt_unless(is_owed=is_owed)
        return fn()

    def sleep(self, duration: timedelta) -> None:
        self._stopping.halt_unless(is_owed=False)
        if checked_sleep(duration) > timedelta(0):
            self._stopping.wait(duration.total_seconds())

    def _patiently(self, name: str, call: Callable[[], T], *, is_owed: bool) -> T:
        """While the store is away, has no room or too much to do: again and again, until the engine stops."""
        self.at = name
        self._stopping.halt_unless(is_owed=is_owed)
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                return call()
            except RetryableError as error:
                if wait_s == _FIRST_WAIT_S:
                    found = {"workflow_id": self._key.workflow_id, "step": name, "text": redact(str(error))}
                    _LOG.warning("workflow.store_away", extra=found)
            self._stopping.wait(wait_s, is_owed=is_owed)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

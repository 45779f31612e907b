"""The calls of effects that have begun here and not returned. `acting` and `undoing` note them, `overdue` asks.

A call is a thread and cannot be ended from outside. Times are of the monotonic clock of this process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from recoverops.model import ActionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    intent: ActionRecord
    began: float


class Calls:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Call] = {}

    @contextmanager
    def noted(self, intent: ActionRecord, *, began: float) -> Iterator[None]:
        with self._lock:
            self._under_way[intent.key] = Call(intent=intent, began=began)
        try:
            yield
        finally:
            with self._lock:
                del self._under_way[intent.key]

    def under_way(self) -> tuple[Call, ...]:
        with self._lock:
            return tuple(self._under_way.values())

"""A bounded pool of connections. Who wants one and gets none in time is told so; nobody waits for ever."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class PoolTimeoutError(Exception):
    pass


class Pool(Generic[T]):
    def __init__(self, make: Callable[[], T], *, size: int, wait_s: float) -> None:
        self.size = size
        self._wait_s = wait_s
        self._free: queue.LifoQueue[T] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(make())

    @property
    def in_use(self) -> int:
        return self.size - self._free.qsize()

    def take(self) -> T:
        try:
            return self._free.get(timeout=self._wait_s)
        except queue.Empty:
            raise PoolTimeoutError(
                f"QueuePool limit of size {self.size} overflow 0 reached, connection timed out, "
                f"timeout {self._wait_s:.2f}: no free connection"
            ) from None

    def give_back(self, connection: T) -> None:
        self._free.put(connection)

    @contextmanager
    def taken(self) -> Iterator[T]:
        connection = self.take()
        try:
            yield connection
        finally:
            self.give_back(connection)

"""Threads of their own for what must not wait for others: the event loop goes on meanwhile.

Ordinary routes share the framework's pool. While the database hangs, they take all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from recoverops.model import OverloadedError

T = TypeVar("T")


class Lane:
    """Belongs to the event loop; the threads are made when they are first needed. Bounded: more is 503."""

    def __init__(self, name: str, *, threads: int, waiting: int, what: str) -> None:
        """`what` waits here, in the plural. `waiting` counts what is being done as well."""
        self._what = what
        self._waiting = waiting
        self._taken = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"recoverops-{name}")

    async def take(self, work: Callable[[], T], *, within_s: float | None = None) -> T:
        """Raises what the work raises, and OverloadedError when too many wait, or when it took longer than that.

        What has begun by then goes on and keeps its thread; what has not is not done any more.
        """
        if self._taken >= self._waiting:
            raise OverloadedError(f"{self._taken} {self._what}; send it again in a moment")
        begun = self._threads.submit(work)
        self._taken += 1
        future = asyncio.wrap_future(begun)
        future.add_done_callback(self._left)
        await asyncio.wait({future}, timeout=within_s)
        if not future.done():
            begun.cancel()
            raise OverloadedError(f"it was not done within {within_s:g} s")
        return future.result()

    def _left(self, future: asyncio.Future[Any]) -> None:
        self._taken -= 1
        if not future.cancelled():
            future.exception()  # nobody may ask for it any more

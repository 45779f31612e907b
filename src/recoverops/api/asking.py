"""A few threads for what a delivery has to be asked about, so that the loop goes on meanwhile. Bounded: more is 503."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from recoverops.model import OverloadedError

THREADS, WAITING = 4, 64


class Asking:
    """Belongs to the event loop; the threads are made with the first question."""

    def __init__(self, *, threads: int = THREADS, waiting: int = WAITING) -> None:
        self._waiting = waiting
        self._asked = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="recoverops-asking")

    async def answer(self, question: Callable[[], None]) -> None:
        """Raises what the question raises, and OverloadedError when too many wait for theirs."""
        if self._asked >= self._waiting:
            raise OverloadedError(f"{self._asked} deliveries wait to be verified; send it again in a moment")
        self._asked += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, question)
        finally:
            self._asked -= 1

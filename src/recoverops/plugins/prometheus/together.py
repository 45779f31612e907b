"""Several calls at the same time, none of which can hold up the others or the one who asks.

The two sources of this plugin ask their targets through it. A call that has not returned is not started a second time;
what it brings is handed over in a later round. Threads are daemons, so a hanging target never keeps the process alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

T = TypeVar("T")

AT_ONCE = 64
"""Threads at most; each costs about 50 microseconds a round and a stack that is hardly touched."""


class Together(Generic[T]):
    """Used by one worker."""

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._slots = threading.BoundedSemaphore(at_once)
        self._under_way: dict[str, Future[T]] = {}

    def round(self, calls: Mapping[str, Callable[[], T]], *, patience_s: float) -> dict[str, Future[T]]:
        """Starts what is not under way, waits for at most `patience_s`, and takes what is done by then.

        A name that is missing in the answer is still under way, or found no thread.
        """
        for name, call in calls.items():
            if name not in self._under_way and self._slots.acquire(blocking=False):
                self._start(name, call)
        wait(self._under_way.values(), timeout=patience_s)
        done = {name: future for name, future in self._under_way.items() if future.done()}
        for name in done:
            del self._under_way[name]
        return done

    def _start(self, name: str, call: Callable[[], T]) -> None:
        future: Future[T] = Future()
        try:
            threading.Thread(target=self._run, args=(call, future), daemon=True).start()
        except RuntimeError:  # this host has no room for another thread
            self._slots.release()
            return
        self._under_way[name] = future

    def _run(self, call: Callable[[], T], future: Future[T]) -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - this thread's supervisor: handed over as data
            future.set_exception(error)
        else:
            future.set_result(result)
        finally:
            self._slots.release()

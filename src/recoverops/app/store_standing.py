"""Whether the store writes, asked by really writing; and what it says of the emergency stop, within a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta

from recoverops.model import ComponentState, ComponentStatus, StopState, UnreachableError
from recoverops.ports import Clock
from recoverops.storage import SqlStore

ASK_EVERY_S = 1.0
ASK_FOR = timedelta(seconds=2)


class StoreStanding:
    """Asked at most once a second, and by one at a time: /ready is open to everybody who reaches the port."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: tuple[float, ComponentStatus] | None = None
        """With its monotonic time: a wall clock that is set back must not make an answer last."""
        self._asking = threading.Lock()

    def status(self) -> ComponentStatus:
        with self._asking:
            known = self._known
            if known is None or self._clock.monotonic() - known[0] >= ASK_EVERY_S:
                answer = self._ask()
                known = self._known = self._clock.monotonic(), answer  # of the answer: a slow one is not asked at once
            return known[1]

    def _ask(self) -> ComponentStatus:
        try:
            self._store.ping(timeout=ASK_FOR)
        except UnreachableError as error:
            return self._told(ComponentState.UNREACHABLE, str(error))
        return self._told(ComponentState.UP, "writes durably")

    def _told(self, state: ComponentState, statement: str) -> ComponentStatus:
        return ComponentStatus(name="store", state=state, statement=statement, since=self._clock.now())


class StopLook:
    """The emergency stop as it is read for /metrics: by one thread, whose answer is waited for a while only."""

    def __init__(self, read: Callable[[], StopState]) -> None:
        self._read = read
        self._looking = threading.Lock()
        self._look: Future[bool] | None = None

    def is_stopped(self) -> bool:
        """True as well when it cannot be read, or not in time."""
        with self._looking:
            if self._look is None or self._look.done():
                self._look = self._begin()
            look = self._look
        try:
            return look.result(ASK_FOR.total_seconds())
        except (UnreachableError, TimeoutError):
            return True

    def _begin(self) -> Future[bool]:
        """A daemon: one that hangs does not hold up the end of the process."""
        look: Future[bool] = Future()

        def run() -> None:
            try:
                look.set_result(self._read().stopped)
            except BaseException as error:  # noqa: BLE001 - told to whoever waits for it
                look.set_exception(error)

        threading.Thread(target=run, name="recoverops-stop-look", daemon=True).start()
        return look

"""How an engine on threads stops: first nothing new is begun, at the end of its time nothing is written any more."""

from __future__ import annotations

import threading


class Halt(BaseException):
    """Unwinds a segment where it is. It stays due in the store, and the next process goes on with it.

    Not an Exception on purpose: nobody on the way may take it for a failure of the work.
    """


class Stopping:
    """Thread-safe; shared by an engine and its segments."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._over = False

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        self._asked.set()

    def end(self) -> None:
        """What still runs has had its time."""
        self._asked.set()
        self._over = True

    def halt_if_asked(self) -> None:
        if self._asked.is_set():
            raise Halt

    def halt_if_over(self) -> None:
        if self._over:
            raise Halt

    def wait(self, seconds: float) -> None:
        """Returns after `seconds`; raises Halt as soon as the engine stops."""
        if self._asked.wait(seconds):
            raise Halt

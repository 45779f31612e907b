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
        self._over = threading.Event()

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        self._asked.set()

    def end(self) -> None:
        """What still runs has had its time."""
        self._asked.set()
        self._over.set()

    def halt_unless(self, *, is_owed: bool) -> None:
        """Raises Halt when the engine stops; for what is owed only when its time is over."""
        if self._end_of(is_owed).is_set():
            raise Halt

    def wait(self, seconds: float, *, is_owed: bool = False) -> None:
        """Returns after `seconds`; raises Halt like `halt_unless`, in the moment in which it is so."""
        if self._end_of(is_owed).wait(seconds):
            raise Halt

    def _end_of(self, is_owed: bool) -> threading.Event:
        return self._over if is_owed else self._asked

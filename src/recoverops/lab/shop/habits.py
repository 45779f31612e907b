"""How a service can be made to behave, whichever it is: keep threads busy, keep what it should have dropped.

Driven by switches; with none set it does nothing. Both are gone with the process, or when they are switched off.
"""

from __future__ import annotations

import hashlib
import threading

from recoverops.lab.shop.switches import Switches

OFF_THE_LOCK = 2
"""Of the busy threads so many compute beside the interpreter's lock, so that more than one core is used up even where
others compete for it. The rest hold the lock in turns, and every request waits for its turn."""
BEGIN_AFTER_S = 0.2
"""They begin together, when whoever switched them on has been answered."""
ROUNDS = 100_000
"""Of hashing at a time: some fifty milliseconds."""


class Habits:
    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._busy = 0
        self._kept: list[bytes] = []
        switches.on_change(self._employ)
        switches.on_change(self._forget)

    def on_request(self) -> None:
        """Called once a request. Raises MemoryError when what is kept has grown beyond the process's limit."""
        if keep := int(self._switches.value("keep_bytes")):
            self._kept.append(b"-" * keep)

    def _forget(self) -> None:
        if not self._switches.value("keep_bytes"):
            self._kept.clear()

    def _employ(self) -> None:
        for number in range(self._busy, int(self._switches.value("busy"))):
            self._busy = number + 1
            threading.Thread(target=self._turn_round, args=(number,), daemon=True).start()

    def _turn_round(self, number: int) -> None:
        turns = 0
        threading.Event().wait(BEGIN_AFTER_S)
        while number < self._switches.value("busy"):
            if number < OFF_THE_LOCK:
                hashlib.pbkdf2_hmac("sha256", b"order", b"receipt", ROUNDS)
            turns += 1
        self._busy = min(self._busy, number)

"""How a service can be made to behave, whichever it is: keep a thread busy, keep what it should have dropped.

Driven by switches; with none set it does nothing. Both are gone with the process.
"""

from __future__ import annotations

import threading

from recoverops.lab.shop.switches import Switches


class Habits:
    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._busy = 0
        self._kept: list[bytes] = []
        switches.on_change(self._employ)

    def on_request(self) -> None:
        """Called once a request. Raises MemoryError when what is kept has grown beyond the process's limit."""
        if keep := int(self._switches.value("keep_bytes")):
            self._kept.append(b"-" * keep)

    def _employ(self) -> None:
        for number in range(self._busy, int(self._switches.value("busy"))):
            self._busy = number + 1
            threading.Thread(target=self._turn_round, args=(number,), daemon=True).start()

    def _turn_round(self, number: int) -> None:
        turns = 0
        while number < self._switches.value("busy"):
            turns += 1
        self._busy = min(self._busy, number)

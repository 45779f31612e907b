"""The admin socket of a service: numbers by name, set from outside while it runs, gone when it ends.

One JSON object a connection, e.g. `{"delay_s": 2}`; the answer is the whole table. The socket lies in a folder that
nobody watches.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

TIMEOUT_S = 5.0


class Switches:
    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        self._changed: list[Callable[[], None]] = []

    def value(self, name: str) -> float:
        """0 when nobody set it."""
        return self._values.get(name, 0.0)

    def set(self, values: dict[str, float]) -> dict[str, float]:
        self._values = {**self._values, **{name: float(value) for name, value in values.items()}}
        for changed in self._changed:
            changed()
        return self._values

    def on_change(self, changed: Callable[[], None]) -> None:
        self._changed.append(changed)


class _Door(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, switches: Switches) -> None:
        super().__init__(str(path), _Message)
        self.switches = switches


class _Message(socketserver.StreamRequestHandler):
    server: _Door
    timeout = TIMEOUT_S

    def handle(self) -> None:
        values = self.server.switches.set(json.loads(self.rfile.readline()))
        self.wfile.write(json.dumps(values).encode() + b"\n")


def open_door(path: Path, switches: Switches) -> None:
    """Serve the socket on a thread that ends with the process."""
    path.unlink(missing_ok=True)
    door = _Door(path, switches)
    threading.Thread(target=door.serve_forever, daemon=True).start()


def turn(path: Path, values: dict[str, float]) -> None:
    """Set switches of a running service. Raises OSError when it does not listen or does not answer."""
    with socket.socket(socket.AF_UNIX) as line, suppress(json.JSONDecodeError):
        line.settimeout(TIMEOUT_S)
        line.connect(str(path))
        line.sendall(json.dumps(values).encode() + b"\n")
        with line.makefile("rb") as answer:
            if not answer.readline():
                raise ConnectionError(f"{path} closed without an answer")

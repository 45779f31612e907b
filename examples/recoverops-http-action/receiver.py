"""An endpoint for tests: one durable line per repair, `python receiver.py --port N --ledger FILE [--secret TEXT]`.

Listens on 127.0.0.1; port 0 takes a free one. The first line on standard output says the address. It keeps its promise
over restarts, because it asks the file and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATH = "/repairs"


class Ledger:
    """The repairs so far, in an append-only file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def lines(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        text = self._file.read_text(encoding="utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def has_call(self, call: str) -> bool:
        return any(line["call"] == call for line in self.lines())

    def add(self, line: dict[str, str]) -> bool:
        """True when it is new; a known key or call is not written again. Durable when it returns."""
        with self._lock:
            if any(known["key"] == line["key"] or known["call"] == line["call"] for known in self.lines()):
                return False
            with self._file.open("ab") as file:
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            return True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, *, ledger: Ledger, secret: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.ledger = ledger
        self.secret = secret


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        place, _, call = self.path.rpartition("/")
        done = place == PATH and self.server.ledger.has_call(call)
        self._answer(200 if done else 404, {"done": done})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = self.headers.get("Idempotency-Key") or ""
        if self.path != PATH or not key:
            self._answer(400, {"error": f"post to {PATH} with an Idempotency-Key"})
        elif not self._is_signed(key, body):
            self._answer(401, {"error": "the signature does not fit"})
        else:
            asked = json.loads(body)
            line = {"key": key, "call": asked["call"], "service": asked["service"], "task": asked["task"]}
            self._answer(200, {"repeated": not self.server.ledger.add(line)})

    def _is_signed(self, key: str, body: bytes) -> bool:
        if not self.server.secret:
            return True
        wanted = hmac.new(self.server.secret.encode(), key.encode() + b"." + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(f"sha256={wanted}", self.headers.get("X-Signature") or "")

    def _answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the ledger is the log."""


def main() -> None:
    parser = argparse.ArgumentParser(description="An endpoint that repairs once per key.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--secret", default="")
    given = parser.parse_args()
    server = Server(given.port, ledger=Ledger(given.ledger), secret=given.secret)
    print(f"http://127.0.0.1:{server.server_address[1]}{PATH}", flush=True)  # noqa: T201 - the caller reads it
    server.serve_forever()


if __name__ == "__main__":
    main()

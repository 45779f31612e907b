"""A small real HTTP service for the lab: `python -m recoverops.lab.shop --port N --ledger FILE`.

`POST /buy` commits an order to a SQLite file before it answers, `GET /health` asks that file. Each start appends one
line to the start ledger, so that "how often was it started?" is answered by the service itself. It runs under a
supervisor, with nothing but the standard library, and knows neither who watches it nor what is done to it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

HOST = "127.0.0.1"


class Orders:
    """The orders, durable: `add` returns after the commit has reached the disk."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(file, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS bought (id INTEGER PRIMARY KEY, at TEXT NOT NULL)")
        self._db.commit()

    def add(self, *, at: datetime) -> int:
        """The number of the new order."""
        with self._lock, self._db:
            return int(self._db.execute("INSERT INTO bought (at) VALUES (?)", (at.isoformat(),)).lastrowid or 0)

    def count(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM bought").fetchone()[0])


class Shop(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, *, port: int, orders: Orders) -> None:
        super().__init__((HOST, port), ShopRequest)
        self.orders = orders


class ShopRequest(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        if self.path != "/health":
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"no page {self.path}; try /health"})
            return
        self._answer(HTTPStatus.OK, {"status": "ok", "orders": self.server.orders.count()})

    def do_POST(self) -> None:
        if self.path != "/buy":
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"no page {self.path}; try /buy"})
            return
        number = self.server.orders.add(at=datetime.now(UTC))
        self._answer(HTTPStatus.CREATED, {"order": number})

    def _answer(self, status: HTTPStatus, body: dict[str, str | int]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: twenty lines a second would drown everything else in the supervisor's log."""


def write_start(ledger: Path, *, pid: int, at: datetime) -> None:
    """Append one start to the ledger, in one write and on disk before it returns."""
    line = json.dumps({"pid": pid, "at": at.isoformat()}) + "\n"
    with ledger.open("a", encoding="utf-8") as out:
        out.write(line)
        out.flush()
        os.fsync(out.fileno())


def starts_in(ledger: Path) -> int:
    """How often the service was started; 0 when it never was."""
    return len(ledger.read_text(encoding="utf-8").splitlines()) if ledger.exists() else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="shop", description="A small shop that takes orders over HTTP.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True, help="one line is appended here at each start")
    parser.add_argument("--orders", type=Path, help="SQLite file of the orders; default: orders.sqlite by the ledger")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    write_start(given.ledger, pid=os.getpid(), at=datetime.now(UTC))
    shop = Shop(port=given.port, orders=Orders(given.orders or given.ledger.with_name("orders.sqlite")))

    with shop:
        shop.serve_forever()
    return 0


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    raise SystemExit(main())

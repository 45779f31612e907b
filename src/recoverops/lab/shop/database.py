"""The orders, in a SQLite file behind HTTP: an answer is given after the commit. A bounded pool of connections."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from recoverops.lab.shop.pool import Pool
from recoverops.lab.shop.service import started
from recoverops.lab.shop.web import Reply

log = logging.getLogger("database")

BUSY_S = 0.5


class Database:
    def __init__(self, file: Path, *, pool_size: int) -> None:
        self.pool: Pool[sqlite3.Connection] = Pool(lambda: _opened(file), size=pool_size, wait_s=BUSY_S)
        with self.pool.taken() as db, db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS orders "
                "(id INTEGER PRIMARY KEY, at TEXT NOT NULL, item TEXT, cents INTEGER, shipped INTEGER DEFAULT 0)"
            )

    def add(self, body: Mapping[str, Any]) -> Reply:
        with self.pool.taken() as db, db:
            row = (datetime.now(UTC).isoformat(), body["item"], body["cents"])
            number = db.execute("INSERT INTO orders (at, item, cents) VALUES (?, ?, ?)", row).lastrowid
        return Reply(status=HTTPStatus.CREATED, body={"order": number})

    def ship(self, body: Mapping[str, Any]) -> Reply:
        """Mark the oldest orders as shipped, at most `batch` of them."""
        with self.pool.taken() as db, db:
            oldest = "SELECT id FROM orders WHERE shipped = 0 ORDER BY id LIMIT ?"
            shipped = db.execute(
                f"UPDATE orders SET shipped = 1 WHERE id IN ({oldest})",  # noqa: S608 - a constant
                (body["batch"],),
            ).rowcount
        return Reply(body={"shipped": shipped})


def _opened(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, check_same_thread=False, timeout=BUSY_S)
    db.execute("PRAGMA synchronous = FULL")
    return db


def main() -> None:
    service = started()
    database = Database(service.data / "orders.sqlite", pool_size=service.release.settings["pool_size"])
    gauges = {"db_pool_in_use": lambda: database.pool.in_use, "db_pool_size": lambda: database.pool.size}
    service.serve({("POST", "/orders"): database.add, ("POST", "/shipments"): database.ship}, gauges=gauges)


if __name__ == "__main__":
    main()

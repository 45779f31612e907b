"""Takes an order: tax by the release's settings, payment by `payments`, and a row in the database.

Talks to the database over a bounded pool of connections that stay open.
"""

from __future__ import annotations

import http.client
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from recoverops.lab.shop.pool import Pool, PoolTimeoutError
from recoverops.lab.shop.service import Service, started
from recoverops.lab.shop.web import Peer, Reply, refused

log = logging.getLogger("orders")

POOL_SIZE = 5
POOL_WAIT_S = 0.4


class Orders:
    def __init__(self, service: Service) -> None:
        self._settings = service.release.settings
        self._switches = service.switches
        self._payments = service.peer("payments", timeout_s=0.8)
        self._database: Peer = service.peer("database", timeout_s=0.8)
        self.pool: Pool[http.client.HTTPConnection] = Pool(
            self._database.connection, size=POOL_SIZE, wait_s=POOL_WAIT_S
        )

    def order(self, body: Mapping[str, Any]) -> Reply:
        cents = body["cents"] * (100 + self._settings["tax_percent"]) // 100
        self._payments.call("POST", "/charge", {"cents": cents})
        try:
            connection = self.pool.take()
        except PoolTimeoutError as error:
            log.error("no order taken: %s", error)
            return refused(HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            row = self._database.call_on(connection, "POST", "/orders", {"item": body["item"], "cents": cents})
        finally:
            if not self._switches.value("keep_connections"):
                self.pool.give_back(connection)
        log.info("order %s taken for %d cents", row["order"], cents)
        return Reply(status=HTTPStatus.CREATED, body=row)


def main() -> None:
    service = started()
    orders = Orders(service)
    gauges = {"db_pool_in_use": lambda: orders.pool.in_use, "db_pool_size": lambda: orders.pool.size}
    service.serve({("POST", "/order"): orders.order}, gauges=gauges)


if __name__ == "__main__":
    main()

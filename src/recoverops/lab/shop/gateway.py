"""The front door: customers browse and buy here. Knows the services behind it, holds nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from recoverops.lab.shop.service import started
from recoverops.lab.shop.web import Reply


def main() -> None:
    service = started()
    catalogue = service.peer("catalogue", timeout_s=0.4)
    orders = service.peer("orders", timeout_s=1.3)

    def browse(_body: Mapping[str, Any]) -> Reply:
        return Reply(body=catalogue.call("GET", "/prices"))

    def buy(_body: Mapping[str, Any]) -> Reply:
        return Reply(status=HTTPStatus.CREATED, body=orders.call("POST", "/order", {"item": "tea", "cents": 450}))

    service.serve({("GET", "/browse"): browse, ("POST", "/buy"): buy})


if __name__ == "__main__":
    main()

"""Charges a card, up to the limit of its release."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from recoverops.lab.shop.service import started
from recoverops.lab.shop.web import Reply


def main() -> None:
    service = started()
    never = threading.Event()

    def charge(body: Mapping[str, Any]) -> Reply:
        if delay_s := service.switches.value("delay_s"):
            never.wait(delay_s)
        if body["cents"] > service.release.settings["limit_cents"]:
            return Reply(status=HTTPStatus.PAYMENT_REQUIRED, body={"error": f"{body['cents']} cents are too many"})
        return Reply(body={"charged": body["cents"]})

    service.serve({("POST", "/charge"): charge})


if __name__ == "__main__":
    main()

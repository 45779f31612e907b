"""Background jobs: ships what has been ordered, a batch every half second, whether or not anybody looks."""

from __future__ import annotations

import logging
import threading

from recoverops.lab.shop.service import Service, started
from recoverops.lab.shop.web import UpstreamError

log = logging.getLogger("worker")

EVERY_S = 0.5


class Shipping:
    def __init__(self, service: Service) -> None:
        self._batch = service.release.settings["batch"]
        self._database = service.peer("database", timeout_s=1.0)
        self._never = threading.Event()
        self.done = 0
        self.failed = 0

    def run(self) -> None:
        while not self._never.wait(EVERY_S):
            try:
                shipped = self._database.call("POST", "/shipments", {"batch": self._batch})["shipped"]
            except UpstreamError as error:
                self.failed += 1
                log.error("nothing shipped: %s", error)
                continue
            self.done += 1
            if shipped:
                log.info("%d orders shipped", shipped)


def main() -> None:
    service = started()
    shipping = Shipping(service)
    threading.Thread(target=shipping.run, daemon=True).start()
    service.serve({}, gauges={"jobs_done_total": lambda: shipping.done, "jobs_failed_total": lambda: shipping.failed})


if __name__ == "__main__":
    main()

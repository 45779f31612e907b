"""What can be bought, and for how much: read from the release's price lists at each request, so that none is old."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from recoverops.lab.shop.service import started
from recoverops.lab.shop.web import Reply


def main() -> None:
    service = started()
    folder, price_lists = service.release.folder, service.release.settings["price_lists"]

    def prices(_body: Mapping[str, Any]) -> Reply:
        found: dict[str, int] = {}
        for price_list in price_lists:
            found |= json.loads((folder / price_list).read_text(encoding="utf-8"))
        return Reply(body={"prices": found})

    service.serve({("GET", "/prices"): prices})


if __name__ == "__main__":
    main()

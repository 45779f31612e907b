"""What can be bought, and for how much: read from the release's price list at each request, so that it is never old."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from recoverops.lab.shop.service import started
from recoverops.lab.shop.web import Reply


def main() -> None:
    service = started()
    price_list = service.release.folder / service.release.settings["price_list"]

    def prices(_body: Mapping[str, Any]) -> Reply:
        return Reply(body={"prices": json.loads(price_list.read_text(encoding="utf-8"))})

    service.serve({("GET", "/prices"): prices})


if __name__ == "__main__":
    main()

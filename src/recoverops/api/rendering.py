"""Records as JSON responses."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response


class RecordResponse(Response):
    """JSON of plain objects and records, times as RFC 3339."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)

"""The envelope of EventBridge, which CloudTrail, alarms and state changes come in. Pure.

https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from recoverops.plugins.aws.intake.reading import decoded, time_of

_WHAT = "an event of EventBridge"


class AwsEvent(msgspec.Struct, frozen=True):
    """One event, as it came."""

    id: str
    source: str
    account: str
    time: str
    region: str
    detail: dict[str, Any]
    detail_type: str = msgspec.field(name="detail-type")
    resources: list[str] = []

    @property
    def at(self) -> datetime:
        return time_of(self.time, "time")

    def text(self, *path: str) -> str:
        """The text at this place of the detail; empty when there is none."""
        value: Any = self.detail
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""


_DECODER = msgspec.json.Decoder(AwsEvent)


def event_of(body: bytes | str) -> AwsEvent:
    """Raises PermanentError naming what does not fit."""
    event = decoded(_DECODER, body, _WHAT)
    time_of(event.time, "time")
    return event

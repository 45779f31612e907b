"""A notification as a Slack message. Pure.

Text from outside is escaped as Slack demands, so that an alert can neither link nor mention anybody, and cut to
Slack's limits, because a message above them is refused as a whole.
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import Any

from recoverops.model import Notification, Severity
from recoverops.redact import redact

_SIGNS = {
    Severity.CRITICAL: ":red_circle:",
    Severity.HIGH: ":large_orange_circle:",
    Severity.MEDIUM: ":large_yellow_circle:",
    Severity.LOW: ":large_blue_circle:",
    Severity.NORMAL: ":large_green_circle:",
}
_MOST_FIELDS = 10
_LONGEST_FIELD = 2000
_LONGEST_SECTION = 3000
_LONGEST_TITLE = 200
_CUT_ENTITY = re.compile(r"&[a-z]{0,3}\Z")


def message_of(notification: Notification) -> dict[str, Any]:
    """The body of the post: blocks for people, and `text` for previews and screen readers."""
    title = escape(notification.title, limit=_LONGEST_TITLE)
    sign = _SIGNS[notification.severity]
    blocks: list[dict[str, Any]] = [_section(f"{sign} *{title}*")]
    if notification.body:
        blocks.append(_section(escape(notification.body, limit=_LONGEST_SECTION)))
    fields = list(notification.fields.items())
    if fields:
        shown = [_text(_field(name, value)) for name, value in fields[:_MOST_FIELDS]]
        blocks.append({"type": "section", "fields": shown})
    blocks.append({"type": "context", "elements": [_text(_footer(notification, len(fields)))]})
    return {"text": f"{notification.severity.upper()}: {title}", "blocks": blocks}


def escape(text: str, *, limit: int) -> str:
    """The text, redacted and with `&`, `<` and `>` as Slack wants them, at most `limit` characters long."""
    escaped = redact(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= limit:
        return escaped
    return _CUT_ENTITY.sub("", escaped[: limit - 1]) + "…"


def _field(name: str, value: str) -> str:
    return f"*{escape(name, limit=200)}*\n{escape(value, limit=_LONGEST_FIELD - 250)}"


def _footer(notification: Notification, fields: int) -> str:
    parts = [
        f"severity {notification.severity}",
        escape(notification.event, limit=200),
        f"{notification.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
    ]
    if notification.incident_id is not None:
        parts.append(escape(notification.incident_id, limit=200))
    if fields > _MOST_FIELDS:
        parts.append(f"{fields - _MOST_FIELDS} more fields left out")
    return " · ".join(parts)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}

"""A notification as a Slack message. Pure.

Everything is plain text, in which Slack reads no links, mentions, names of channels, formats or codes of emoji; on top
it is escaped as Slack demands, and cut to Slack's limits, because a message above them is refused as a whole.
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import Any

from recoverops.model import Notification, Severity, printable
from recoverops.redact import redact

_SIGNS = {
    Severity.CRITICAL: "\N{LARGE RED CIRCLE}",
    Severity.HIGH: "\N{LARGE ORANGE CIRCLE}",
    Severity.MEDIUM: "\N{LARGE YELLOW CIRCLE}",
    Severity.LOW: "\N{LARGE BLUE CIRCLE}",
    Severity.NORMAL: "\N{LARGE GREEN CIRCLE}",
}
_MOST_FIELDS = 10
_LONGEST_FIELD = 2000
_LONGEST_SECTION = 3000
_LONGEST_TITLE = 120
"""Slack takes 150 with the sign and a space; it is not known whether it counts an emoji twice."""
_CUT_ENTITY = re.compile(r"&[a-z]{0,3}\Z")


def message_of(notification: Notification) -> dict[str, Any]:
    """The body of the post: blocks for people, and `text` for previews and screen readers."""
    title = escape(notification.title, limit=_LONGEST_TITLE)
    sign = _SIGNS[notification.severity]
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _text(f"{sign} {title}")}]
    if notification.body:
        blocks.append({"type": "section", "text": _text(_lines(notification.body))})
    fields = list(notification.fields.items())
    if fields:
        shown = [_text(_field(name, value)) for name, value in fields[:_MOST_FIELDS]]
        blocks.append({"type": "section", "fields": shown})
    blocks.append({"type": "context", "elements": [_text(_footer(notification, len(fields)))]})
    return {
        "text": f"{notification.severity.upper()}: {title}",
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }


def escape(text: str, *, limit: int) -> str:
    """The text on one line, redacted, with `&`, `<` and `>` as Slack wants them, at most `limit` characters long."""
    return _cut(printable(redact(text)), limit)


def _lines(body: str) -> str:
    """The same for a text whose lines are ours."""
    return _cut("\n".join(map(printable, redact(body).split("\n"))), _LONGEST_SECTION)


def _cut(text: str, limit: int) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= limit:
        return escaped
    return _CUT_ENTITY.sub("", escaped[: limit - 1]) + "…"


def _field(name: str, value: str) -> str:
    return f"{escape(name, limit=200)}\n{escape(value, limit=_LONGEST_FIELD - 250)}"


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


def _text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}

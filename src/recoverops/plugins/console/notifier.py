"""Tells people on the terminal: one readable line for each notification.

Text from outside is shown with its control characters escaped, so that an alert can neither move the cursor nor fake
a second line.
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC
from typing import TextIO

from recoverops.model import Notification, PermanentError, printable
from recoverops.redact import redact

_LONGEST_LINE = 2000
"""Characters; a terminal's worth of text, and one write to a pipe."""


class ConsoleNotifier:
    """Implements `ports.Notifier`. Thread-safe: lines never mix."""

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        """Writes and flushes the line. A terminal cannot tell repetitions, so the key is not shown."""
        stream = self._stream or sys.stderr
        try:
            with self._lock:
                stream.write(line_of(notification) + "\n")
                stream.flush()
        except (OSError, ValueError) as error:
            raise PermanentError(f"the console cannot be written to: {error}") from error


def line_of(notification: Notification) -> str:
    """`12:00:01Z CRITICAL incident.opened: checkout is down - exit status 3 [incident=inc-1 rule=restart]`. Pure."""
    at = notification.at.astimezone(UTC)
    text = f"{at:%Y-%m-%d %H:%M:%SZ} {notification.severity.upper()} {notification.event}: {notification.title}"
    if notification.body:
        text += f" - {notification.body}"
    fields = dict(notification.fields)
    if notification.incident_id is not None:
        fields.setdefault("incident", notification.incident_id)
    if fields:
        text += f" [{' '.join(f'{key}={value}' for key, value in fields.items())}]"
    line = printable(" / ".join(part for part in redact(text).splitlines() if part))
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"

"""Tells people through an SNS topic: mail, text messages, a pager, whatever subscribes to it.

Only the topics of the settings are ever published to. A standard topic cannot tell a repetition; a FIFO topic can, by
our key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from recoverops.model import (
    Notification,
    OutcomeUnknownError,
    PermanentError,
    RecoverOpsError,
    RetryableError,
    printable,
)
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.redact import redact

_CALL = "sns:Publish"
_LONGEST_SUBJECT = 100
_LONGEST_MESSAGE = 16_000
"""Characters; SNS takes 256 KiB, and splits text messages at far less."""


class SnsNotifier:
    """Implements `ports.Notifier`. Thread-safe."""

    def __init__(self, name: str, topic: str, *, account: AccountSettings, calls: Calls) -> None:
        self.name = f"sns-{name}"
        self._topic = topic
        self._place = Place(account=account.name, account_id=account.id, region=topic.split(":")[3])
        self._calls = calls

    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        """Raises `RetryableError` when SNS was not reached or may not have taken it, `PermanentError` otherwise."""
        parameters: dict[str, Any] = {
            "TopicArn": self._topic,
            "Subject": subject_of(notification),
            "Message": message_of(notification),
        }
        if self._topic.endswith(".fifo"):
            key = hashlib.sha256(idempotency_key.encode()).hexdigest()
            parameters |= {
                "MessageGroupId": str(notification.incident_id or "recoverops"),
                "MessageDeduplicationId": key,
            }
        try:
            self._calls.change(self._place, _CALL, **parameters)
        except RetryableError:
            raise
        except OutcomeUnknownError as error:
            raise RetryableError(f"it may have been published: {error}") from error
        except RecoverOpsError as error:
            raise PermanentError(str(error)) from error


def grants_of(topics: Mapping[str, str]) -> tuple[Grant, ...]:
    return tuple(
        Grant(action=_CALL, arn=topic, why=f"to tell people through the topic {name}")
        for name, topic in sorted(topics.items())
    )


def subject_of(notification: Notification) -> str:
    """What SNS takes for one: printable ASCII, one line, beginning with a letter or a digit. Pure."""
    text = f"{notification.severity.upper()} {notification.title}"
    line = " ".join("".join(char if " " <= char <= "~" else " " for char in redact(text)).split())
    return line if len(line) <= _LONGEST_SUBJECT else f"{line[: _LONGEST_SUBJECT - 3]}..."


def message_of(notification: Notification) -> str:
    """Lines for people. Pure."""
    at = notification.at.astimezone(UTC)
    lines = [notification.title, notification.body, f"{notification.event} at {at:%Y-%m-%d %H:%M:%S} UTC"]
    lines += [f"{key}: {value}" for key, value in notification.fields.items()]
    if notification.incident_id is not None:
        lines.append(f"incident: {notification.incident_id}")
    text = redact("\n".join(line for line in lines if line))
    told = "\n".join(map(printable, text.split("\n")))
    return told if len(told) <= _LONGEST_MESSAGE else f"{told[: _LONGEST_MESSAGE - 1]}…"

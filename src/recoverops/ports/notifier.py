"""How people are told. A vendor implements it; `notifications` decides who, when and how often."""

from __future__ import annotations

from typing import Protocol

from recoverops.model import Notification


class Notifier(Protocol):
    @property
    def name(self) -> str: ...

    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        """Deliver it. Raises `RetryableError` to be called again later, `PermanentError` to be given up.

        Until a later attempt is due nothing else is sent through this notifier: say `RetryableError` of what is wrong
        with the other side, not of what is wrong with this message.

        The key is the same for every attempt of one delivery, so that the receiver can tell a repetition.
        """

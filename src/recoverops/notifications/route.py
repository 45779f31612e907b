"""Which channels a notification takes, and when a failed delivery is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import msgspec

from recoverops.model import LONGEST_PAUSE, Delivery, DeliveryState, Notification
from recoverops.notifications.settings import NotificationSettings

_LONGEST_WAIT = timedelta(seconds=60)
_DOUBLINGS = 6
"""After so many the wait is longer than the longest."""


def channels_for(notification: Notification, settings: NotificationSettings) -> tuple[str, ...]:
    """Names of notifiers, each once."""
    wanted = [
        channel.via
        for channel in settings.channels
        if notification.severity.rank >= channel.min_severity.rank
        and any(fnmatchcase(notification.event, pattern) for pattern in channel.events)
    ]
    return tuple(dict.fromkeys(wanted))


def sent(delivery: Delivery, *, now: datetime) -> Delivery:
    return msgspec.structs.replace(
        delivery, state=DeliveryState.SENT, attempts=delivery.attempts + 1, last_error="", done_at=now
    )


def not_sent(
    delivery: Delivery, error: str, *, now: datetime, delay: timedelta, may_retry: bool, settings: NotificationSettings
) -> Delivery:
    """The delivery after a failed attempt; `delay` is what the other side asked for at least.

    Its channel pauses until `next_at` where the attempt could be made again, also when this was the last one.
    """
    attempts = delivery.attempts + 1
    wait = max(min(delay, LONGEST_PAUSE), min(_LONGEST_WAIT, timedelta(seconds=2 ** min(attempts - 1, _DOUBLINGS))))
    is_over = not may_retry or attempts >= settings.max_attempts
    return msgspec.structs.replace(
        delivery,
        state=DeliveryState.FAILED if is_over else delivery.state,
        attempts=attempts,
        next_at=now + wait if may_retry else delivery.next_at,
        last_error=error,
        tried_at=now,
        done_at=now if is_over else None,
    )

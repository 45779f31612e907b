"""The intake `aws-eventbridge`: events that an API destination of EventBridge posts here. Pure.

EventBridge signs nothing: whoever has the intake key is believed, as far as the account and the region are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from recoverops.model import Alert
from recoverops.plugins.aws.intake.event import event_of
from recoverops.plugins.aws.intake.event_alerts import alerts_of
from recoverops.plugins.aws.intake.refusals import Count, Refusal, RefusedError, check_time, counted
from recoverops.plugins.aws.owners import Owners
from recoverops.ports import Clock

NAME = "aws-eventbridge"


class EventBridgeIntake:
    """Implements `ports.PushSource`."""

    name = NAME

    def __init__(self, owners: Owners, *, window: timedelta, clock: Clock, count: Count) -> None:
        self._owners = owners
        self._window = window
        self._clock = clock
        self._count = count

    def decode(self, headers: Mapping[str, str], body: bytes) -> tuple[Alert, ...]:
        event = event_of(body)
        with counted(self._count):
            if not self._owners.is_ours(event.account, event.region):
                raise RefusedError(
                    Refusal.ACCOUNT,
                    f"the event is of account {event.account[:20]} in {event.region[:30]}, which is not in `accounts`",
                )
            check_time(event.at, now=self._clock.now(), window=self._window)
        return alerts_of(event, self._owners, source=NAME)

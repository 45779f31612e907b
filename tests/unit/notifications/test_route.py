"""Who is told, when a failed delivery is tried again, and what the words carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Records

from recoverops.model import Delivery, DeliveryState, Notification, NotificationId, Severity
from recoverops.notifications import (
    EVENTS,
    ChannelSettings,
    NotificationSettings,
    channels_for,
    compose,
    not_sent,
    sent,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def notification(event: str = "incident.opened", severity: Severity = Severity.HIGH) -> Notification:
    return Notification(
        id=NotificationId("ntf-1"), incident_id=None, event=event, severity=severity, title="t", body="b", at=NOON
    )


def delivery(attempts: int = 0) -> Delivery:
    return Delivery(
        notification=notification(), channel="slack", state=DeliveryState.PENDING, attempts=attempts, next_at=NOON
    )


def channel(via: str, *events: str, at_least: Severity = Severity.LOW) -> ChannelSettings:
    return ChannelSettings(via=via, events=events or ("*",), min_severity=at_least)


CHANNELS = NotificationSettings(
    channels=(
        channel("console"),
        channel("slack", "incident.*", at_least=Severity.HIGH),
        channel("pager", "incident.escalated", "approval.requested", at_least=Severity.CRITICAL),
        channel("console", "stop.*"),
    )
)


@pytest.mark.parametrize(
    ("event", "severity", "expected"),
    [
        ("incident.opened", Severity.CRITICAL, ("console", "slack")),
        ("incident.opened", Severity.HIGH, ("console", "slack")),
        ("incident.opened", Severity.MEDIUM, ("console",)),
        ("incident.opened", Severity.NORMAL, ()),
        ("incident.escalated", Severity.CRITICAL, ("console", "slack", "pager")),
        ("approval.requested", Severity.CRITICAL, ("console", "pager")),
        ("approval.requested", Severity.HIGH, ("console",)),
        ("stop.engaged", Severity.HIGH, ("console",)),
        ("Incident.opened", Severity.CRITICAL, ("console",)),
    ],
)
def test_a_notification_takes_every_channel_that_asks_for_it_once(
    event: str, severity: Severity, expected: tuple[str, ...]
) -> None:
    assert channels_for(notification(event, severity), CHANNELS) == expected


@pytest.mark.parametrize("event", EVENTS)
def test_by_default_every_event_is_shown_on_the_console(event: str) -> None:
    assert channels_for(notification(event), NotificationSettings()) == ("console",)


def test_without_channels_nobody_is_told() -> None:
    assert channels_for(notification(), NotificationSettings(channels=())) == ()


def after(
    attempts: int, *, delay: float = 0, may_retry: bool = True, max_attempts: int = 8
) -> tuple[DeliveryState, timedelta]:
    settings = NotificationSettings(max_attempts=max_attempts)
    following = not_sent(
        delivery(attempts),
        "refused",
        now=NOON,
        delay=timedelta(seconds=delay),
        may_retry=may_retry,
        settings=settings,
    )
    assert following.attempts == attempts + 1
    assert following.last_error == "refused"
    return following.state, following.next_at - NOON


@pytest.mark.parametrize(("attempts", "wait"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 60)])
def test_the_wait_doubles_up_to_a_minute(attempts: int, wait: int) -> None:
    assert after(attempts) == (DeliveryState.PENDING, timedelta(seconds=wait))


def test_the_other_side_may_ask_for_a_longer_wait_but_not_for_a_shorter_one() -> None:
    assert after(0, delay=300)[1] == timedelta(seconds=300)
    assert after(4, delay=1)[1] == timedelta(seconds=16)


def test_after_the_last_attempt_it_is_given_up() -> None:
    assert after(6)[0] is DeliveryState.PENDING
    assert after(7)[0] is DeliveryState.FAILED


def test_what_cannot_work_is_not_tried_again() -> None:
    assert after(0, may_retry=False)[0] is DeliveryState.FAILED


def test_even_the_fiftieth_attempt_has_a_wait() -> None:
    assert after(48, max_attempts=50) == (DeliveryState.PENDING, timedelta(seconds=60))


@given(st.integers(0, 60), st.integers(1, 50))
def test_a_delivery_is_never_tried_more_often_than_allowed(attempts: int, max_attempts: int) -> None:
    state, wait = after(attempts, max_attempts=max_attempts)

    assert (state is DeliveryState.FAILED) == (attempts + 1 >= max_attempts)
    assert timedelta(0) <= wait <= timedelta(seconds=60)


def test_a_success_forgets_the_error_and_counts_the_attempt() -> None:
    failed = not_sent(
        delivery(), "refused", now=NOON, delay=timedelta(0), may_retry=True, settings=NotificationSettings()
    )

    done = sent(failed, now=NOON)

    assert (done.state, done.attempts, done.last_error) == (DeliveryState.SENT, 2, "")


def test_what_is_told_of_an_incident_is_printable_bounded_and_redacted_whatever_it_says(a: Records) -> None:
    hostile = "Evil\x1b[2J\u202e password=hunter2xyz " + "x" * 100_000
    incident = a.incident(title=hostile)
    for told in (
        compose.incident_opened(incident, at=NOON),
        compose.incident_escalated(incident, hostile, at=NOON),
        compose.stop_engaged(hostile, hostile, at=NOON),
    ):
        assert all(line.isprintable() for line in (told.title, *told.body.split("\n")))
        assert "hunter2" not in told.title + told.body
        assert len(told.body) < 5000
    assert "recoverops why inc-1" in compose.incident_escalated(incident, "it did not help", at=NOON).body

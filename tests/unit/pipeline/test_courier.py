"""Deliveries: each attempt is recorded, a failing channel delays only itself, and nobody sees a secret."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.acceptance.virtual_world import World
from tests.conftest import Records

from recoverops.model import (
    ComponentState,
    Delivery,
    DeliveryState,
    IncidentId,
    NotFoundError,
    Notification,
    OverloadedError,
    PermanentError,
    RetryableError,
)
from recoverops.pipeline import Courier, couriers
from recoverops.ports import Notifier
from recoverops.testing import RecordingNotifier

UP, DEGRADED = ComponentState.UP, ComponentState.DEGRADED


class Defective:
    """Raises what no notifier should raise."""

    name = "defective"

    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        raise KeyError("token=hunter2")


@pytest.fixture
def world(tmp_path: Path, a: Records) -> Iterator[World]:
    with World(directory=tmp_path) as built:
        built.store.write(lambda tx: tx.incidents.insert(a.incident()))
        yield built


def post(world: World, a: Records, *channels: str) -> None:
    notification = a.notification(at=world.clock.now())
    world.store.write(lambda tx: tx.outbox.post(notification, channels=channels))


def deliveries(world: World) -> dict[str, Delivery]:
    found = world.store.read(lambda tx: tx.outbox.of_incident(IncidentId("inc-1")))
    return {one.channel: one for one in found}


def courier(world: World, *notifiers: Notifier) -> Courier:
    return Courier(world.parts, {one.name: one for one in notifiers})


def test_what_is_posted_is_sent_once_with_a_key_of_its_own(world: World, a: Records) -> None:
    slack = RecordingNotifier("slack")
    post(world, a, "slack")
    carrying = courier(world, slack)

    assert (carrying.deliver_due(), carrying.deliver_due()) == (1, 0)

    assert [key for key, _ in slack.deliveries] == ["ntf-1:slack"]
    assert deliveries(world)["slack"].state is DeliveryState.SENT


def test_a_failed_attempt_is_made_again_after_its_wait_with_the_same_key(world: World, a: Records) -> None:
    slack = RecordingNotifier("slack", failures=[RetryableError("busy: token=hunter2", delay=timedelta(seconds=5))])
    post(world, a, "slack")
    carrying = courier(world, slack)

    carrying.deliver_due()
    failed = deliveries(world)["slack"]
    assert (failed.state, failed.attempts) == (DeliveryState.PENDING, 1)
    assert failed.last_error == "busy: token=[redacted]"
    assert carrying.deliver_due() == 0, "not before its wait is over"

    world.clock.advance(timedelta(seconds=5))
    carrying.deliver_due()

    assert [key for key, _ in slack.deliveries] == ["ntf-1:slack"]
    assert deliveries(world)["slack"].attempts == 2


def test_one_channel_that_fails_does_not_stop_another(world: World, a: Records) -> None:
    slack, pager = RecordingNotifier("slack", failures=[PermanentError("gone")]), RecordingNotifier("pager")
    post(world, a, "slack", "defective", "pager", "nowhere")

    courier(world, slack, pager, Defective()).deliver_due()

    found = deliveries(world)
    assert {name: one.state for name, one in found.items()} == {
        "slack": DeliveryState.FAILED,
        "defective": DeliveryState.PENDING,
        "pager": DeliveryState.SENT,
        "nowhere": DeliveryState.FAILED,
    }
    assert found["nowhere"].last_error == 'no notifier "nowhere" is loaded'
    assert "hunter2" not in found["defective"].last_error
    assert len(pager.sent) == 1


def test_a_channel_that_never_works_is_given_up_after_its_last_attempt(world: World, a: Records) -> None:
    slack = RecordingNotifier("slack", failures=[RetryableError("busy") for _ in range(20)])
    post(world, a, "slack")
    carrying, attempts = courier(world, slack), 0

    for _ in range(20):
        attempts += carrying.deliver_due()
        world.clock.advance(timedelta(minutes=1))

    assert attempts == world.parts.notifications.max_attempts
    assert deliveries(world)["slack"].state is DeliveryState.FAILED


class Hanging:
    """Does not come back before it is let go, like a connection that nobody answers and nothing times out."""

    name = "hanging"

    def __init__(self) -> None:
        self.is_inside, self.let_go = threading.Event(), threading.Event()

    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        self.is_inside.set()
        assert self.let_go.wait(30)


def test_a_channel_that_hangs_delays_only_itself(world: World, a: Records) -> None:
    hanging, pager = Hanging(), RecordingNotifier("pager")
    post(world, a, "hanging", "pager", "nowhere")
    carrying = couriers(world.parts, {"hanging": hanging, "pager": pager})
    stuck = threading.Thread(target=carrying["hanging"].deliver_due)
    stuck.start()
    try:
        assert hanging.is_inside.wait(10)

        assert (carrying["pager"].deliver_due(), carrying["pager"].deliver_due()) == (1, 0)
        assert (carrying[""].deliver_due(), carrying[""].deliver_due()) == (1, 0)

        states = {name: one.state for name, one in deliveries(world).items()}
        assert states == {
            "hanging": DeliveryState.PENDING,
            "pager": DeliveryState.SENT,
            "nowhere": DeliveryState.FAILED,
        }
    finally:
        hanging.let_go.set()
        stuck.join(10)
    assert deliveries(world)["hanging"].state is DeliveryState.SENT


def refusing(error: Exception) -> Callable[[object], object]:
    def write(_fn: object) -> object:
        raise error

    return write


def test_what_was_sent_and_could_not_be_recorded_is_recorded_before_anything_more_is_sent(
    world: World, a: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = RecordingNotifier("slack")
    post(world, a, "slack")
    carrying = courier(world, slack)

    with monkeypatch.context() as full:
        full.setattr(world.parts.store, "write", refusing(OverloadedError("the disk is full")))
        for _ in range(5):
            with pytest.raises(OverloadedError):
                carrying.deliver_due()
    assert len(slack.deliveries) == 1
    assert deliveries(world)["slack"].state is DeliveryState.PENDING

    assert carrying.deliver_due() == 0
    assert len(slack.deliveries) == 1
    assert deliveries(world)["slack"].state is DeliveryState.SENT


def test_an_attempt_that_the_store_refuses_for_good_holds_nothing_up(
    world: World, a: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = RecordingNotifier("slack")
    post(world, a, "slack")
    carrying = courier(world, slack)

    with monkeypatch.context() as pruned:
        pruned.setattr(world.parts.store, "write", refusing(NotFoundError("it was pruned")))
        with pytest.raises(NotFoundError):
            carrying.deliver_due()

    assert carrying.deliver_due() == 1
    assert deliveries(world)["slack"].state is DeliveryState.SENT


def ids(notifier: RecordingNotifier) -> list[str]:
    return [one.id for one in notifier.sent]


def test_a_channel_that_asks_to_be_left_alone_is_and_then_hears_everything_in_its_order(
    world: World, a: Records
) -> None:
    busy = RetryableError("429", delay=timedelta(seconds=20))
    slack, pager = RecordingNotifier("slack", failures=[busy]), RecordingNotifier("pager")
    carrying = courier(world, slack, pager)
    story = ("incident.opened", "run.started")
    for event in story:
        told = a.notification(event, at=world.clock.now(), event=event)
        world.store.write(lambda tx, told=told: tx.outbox.post(told, channels=("slack", "pager")))  # type: ignore[misc]

    assert carrying.deliver_due() == 3, "one attempt at the channel that failed"
    world.clock.advance(timedelta(seconds=8))
    ended = a.notification("incident.resolved", at=world.clock.now(), event="incident.resolved")
    world.store.write(lambda tx: tx.outbox.post(ended, channels=("slack", "pager")))

    assert carrying.deliver_due() == 1, "the other channel goes on"
    assert courier(world, slack, pager).deliver_due() == 0, "also after a restart"
    assert (ids(slack), ids(pager)) == ([], [*story, "incident.resolved"])

    world.clock.advance(timedelta(seconds=12))
    assert carrying.deliver_due() == 3
    assert ids(slack) == [*story, "incident.resolved"]


def test_what_is_given_up_holds_up_nothing_but_the_receiver_still_has_its_pause(world: World, a: Records) -> None:
    most = world.parts.notifications.max_attempts
    failures = [RetryableError("429", delay=timedelta(seconds=20)) for _ in range(most)]
    slack = RecordingNotifier("slack", failures=failures)
    post(world, a, "slack")
    second = a.notification("second", None, at=world.clock.now())
    world.store.write(lambda tx: tx.outbox.post(second, channels=("slack",)))
    carrying = courier(world, slack)

    for _ in range(most):
        assert (carrying.deliver_due(), carrying.deliver_due()) == (1, 0)
        world.clock.advance(timedelta(seconds=70))
    assert deliveries(world)["slack"].state is DeliveryState.FAILED

    assert carrying.deliver_due() == 1
    assert ids(slack) == ["second"]


def test_what_is_urgent_waits_for_one_slow_message_and_not_for_a_batch_of_them(world: World, a: Records) -> None:
    sent: list[str] = []

    class Slow:
        name = "slack"

        def send(self, notification: Notification, *, idempotency_key: str) -> None:
            world.clock.advance(timedelta(seconds=1))
            sent.append(notification.id)

    for number in range(5):
        told = a.notification(f"low-{number}", None, at=world.clock.now())
        world.store.write(lambda tx, told=told: tx.outbox.post(told, channels=("slack",)))  # type: ignore[misc]
    carrying = courier(world, Slow())
    assert carrying.deliver_due() == 1
    urgent = a.notification("urgent", None, at=world.clock.now(), event="stop.engaged")
    world.store.write(lambda tx: tx.outbox.post(urgent, channels=("slack",)))
    assert carrying.deliver_due() == 1
    assert sent == ["low-0", "urgent"]


def test_a_channel_says_how_it_is_doing(world: World, a: Records) -> None:
    slack = RecordingNotifier("slack", failures=[RetryableError("status 302"), PermanentError("status 400")])
    carrying = couriers(world.parts, {"slack": slack})["slack"]
    for name in ("ntf-1", "ntf-2"):
        told = a.notification(name, at=world.clock.now())
        world.store.write(lambda tx, told=told: tx.outbox.post(told, channels=("slack",)))  # type: ignore[misc]

    def status(one: Courier) -> tuple[str, ComponentState, str]:
        shown = one.status()
        assert shown is not None
        return shown.name, shown.state, shown.statement

    assert status(carrying) == ("channel slack", UP, "delivers; 0 wait, 0 were given up in the last hour")

    carrying.deliver_due()
    failing = "the last attempt failed: status 302; 2 wait, 0 were given up in the last hour"
    assert status(carrying) == ("channel slack", DEGRADED, failing)
    restarted = couriers(world.parts, {"slack": slack})["slack"]
    restarted.deliver_due()
    assert status(restarted) == ("channel slack", DEGRADED, failing), "the store knows it too"

    world.clock.advance(timedelta(seconds=1))
    carrying.deliver_due()
    assert status(carrying) == ("channel slack", UP, "delivers; 0 wait, 1 were given up in the last hour")
    world.clock.advance(timedelta(hours=2))
    assert status(carrying)[2] == "delivers; 0 wait, 0 were given up in the last hour"
    assert couriers(world.parts, {})[""].status() is None

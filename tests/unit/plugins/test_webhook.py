"""The webhook against a real receiver that verifies the signature by itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.plugins.conftest import SECRETS, Contexts

from recoverops.model import MisconfiguredError, PermanentError, RetryableError
from recoverops.plugins.http import plugin
from recoverops.plugins.http.settings import HttpSettings
from recoverops.plugins.http.webhook import message_id, retry_after, signed_headers, signing_key
from recoverops.ports import Notifier
from recoverops.testing import Receiver, Reply, running_receiver, sample_notification

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SECRET = SECRETS["env:WEBHOOK_SECRET"]


def webhook(url: str, context: Contexts) -> Notifier:
    settings = HttpSettings.model_validate({"webhook": {"url": url, "secret": "env:WEBHOOK_SECRET", "timeout": "2s"}})
    (notifier,) = plugin.build(settings, context()).notifiers
    return notifier


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the specification's own reference libraries."""
    headers = signed_headers(
        b'{"test": 2432232314}',
        key=signing_key(SECRET),
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
    )
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_can_verify_what_it_gets(receiver: Receiver, context: Contexts) -> None:
    webhook(f"{receiver.url}/hook", context).send(sample_notification(), idempotency_key="ntf-1:webhook")
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["webhook-id"] == "ntf-1:webhook"
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{wanted}"
    sent_at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    assert abs(sent_at - datetime.now(UTC)) < timedelta(minutes=1)
    body = json.loads(request.body)
    assert body["type"] == "incident.opened"
    assert body["timestamp"] == "2026-01-31T12:00:01Z"
    assert body["data"]["severity"] == "critical"
    assert body["data"]["fields"] == {"resource": "service:checkout", "rule": "restart-dead-service"}


def test_every_attempt_of_one_delivery_has_the_same_id(receiver: Receiver, context: Contexts) -> None:
    notifier = webhook(receiver.url, context)
    receiver.reply = Reply(status=503)
    with pytest.raises(RetryableError):
        notifier.send(sample_notification(), idempotency_key="ntf-1")
    receiver.reply = Reply(status=204)
    notifier.send(sample_notification(), idempotency_key="ntf-1")
    assert [request.headers["webhook-id"] for request in receiver.requests] == ["ntf-1", "ntf-1"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, RetryableError),
        (500, RetryableError),
        (503, RetryableError),
        (400, PermanentError),
        (401, PermanentError),
        (403, PermanentError),
        (410, PermanentError),
        (422, PermanentError),
        (302, RetryableError),
        (404, RetryableError),
        (408, RetryableError),
        (425, RetryableError),
    ],
)
def test_an_answer_says_whether_to_try_again(
    status: int, error: type[Exception], receiver: Receiver, context: Contexts
) -> None:
    receiver.reply = Reply(status=status)
    with pytest.raises(error, match=f"status {status}"):
        webhook(receiver.url, context).send(sample_notification(), idempotency_key="ntf-1")


def test_a_redirect_is_not_followed(receiver: Receiver, context: Contexts) -> None:
    with running_receiver() as elsewhere:
        receiver.reply = Reply(status=307, headers={"Location": elsewhere.url})
        with pytest.raises(RetryableError, match="redirects are not followed"):
            webhook(receiver.url, context).send(sample_notification(), idempotency_key="ntf-1")
        assert elsewhere.requests == ()


def test_the_receiver_says_when_to_come_back(receiver: Receiver, context: Contexts) -> None:
    receiver.reply = Reply(status=429, headers={"Retry-After": "17"})
    with pytest.raises(RetryableError) as error:
        webhook(receiver.url, context).send(sample_notification(), idempotency_key="ntf-1")
    assert error.value.delay == timedelta(seconds=17)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17),
        (" 0 ", 1),
        ("99999999999999999999", 3600),
        ("Sat, 31 Jan 2026 12:02:00 GMT", 120),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 1),
        ("Sat, 31 Jan 2026 12:02:00", 120),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_within_bounds(value: str, seconds: int | None) -> None:
    assert retry_after(value, now=NOON) == (None if seconds is None else timedelta(seconds=seconds))


def test_neither_secret_nor_credentials_nor_path_are_told_or_logged(
    receiver: Receiver, context: Contexts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = receiver.url.replace("http://", "http://ann:open-sesame@") + "/T0KEN?key=abc123"
    notifier = webhook(url, context)
    receiver.reply = Reply(status=410)
    with pytest.raises(PermanentError) as refused:
        notifier.send(sample_notification(), idempotency_key="ntf-1")
    receiver.reply = Reply(hang=True)
    with pytest.raises(RetryableError, match=r"no answer within 2 s") as hung:
        notifier.send(sample_notification(), idempotency_key="ntf-1")
    told = f"{refused.value!r} {hung.value!r} {hung.value.__cause__!r} {caplog.text}"
    for secret in ("open-sesame", "T0KEN", "abc123", SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in told
    assert receiver.requests[0].headers["authorization"].startswith("Basic ")


def test_a_receiver_that_is_gone_is_tried_again(context: Contexts) -> None:
    with running_receiver() as gone:
        url = gone.url
    with pytest.raises(RetryableError, match="connection refused"):
        webhook(url, context).send(sample_notification(), idempotency_key="ntf-1")


@pytest.mark.parametrize("secret", ["", "open-sesame", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "whsec_" + "A" * 200])
def test_an_unusable_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(MisconfiguredError) as refusal:
        signing_key(secret)
    assert len(secret) < 8 or secret not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_reference_to_the_address_is_resolved(receiver: Receiver, context: Contexts) -> None:
    settings = HttpSettings.model_validate({"webhook": {"url": "env:HOOK_URL", "secret": "env:WEBHOOK_SECRET"}})
    secrets = {**SECRETS, "env:HOOK_URL": receiver.url}
    (notifier,) = plugin.build(settings, context(secrets=secrets)).notifiers
    notifier.send(sample_notification(), idempotency_key="ntf-1")
    assert len(receiver.requests) == 1


def test_a_key_that_no_header_can_carry_becomes_its_digest() -> None:
    assert message_id("ntf-1:webhook") == "ntf-1:webhook"
    odd = message_id("ntf-1\r\nX-Injected: 1")
    assert odd.startswith("msg_")
    assert odd == message_id("ntf-1\r\nX-Injected: 1")
    assert odd != message_id("ntf-1\r\nX-Injected: 2")

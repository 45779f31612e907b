"""Notifications to a webhook, signed as https://www.standardwebhooks.com describes.

The receiver verifies `webhook-signature` over id, timestamp and body, and tells a repetition by `webhook-id`, which is
the same for every attempt. Neither the secret nor anything of the URL but host and port is ever shown.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from recoverops.egress import Answer, Fetcher, NoAnswerError, Target
from recoverops.model import MisconfiguredError, Notification, PermanentError, RetryableError, digest
from recoverops.ports import Clock
from recoverops.redact import redact

_PREFIX = "whsec_"
_PLAIN_ID = re.compile(r"[\w:@/-]{1,200}", re.ASCII)
_MAY_PASS = frozenset({404, 408, 425, 429})
"""What a receiver or the proxy before it answers while it is busy or being deployed, as do redirects and 5xx. The other
refusals are about this message, its signature or this sender, and a person has to change something."""
_LONGEST_DELAY = timedelta(hours=1)


class WebhookNotifier:
    """Implements `ports.Notifier`."""

    name = "webhook"

    def __init__(self, target: Target, *, key: bytes, timeout: timedelta, clock: Clock) -> None:
        self._target = target
        self._key = key
        self._clock = clock
        self._fetcher = Fetcher(timeout_s=timeout.total_seconds(), max_bytes=0, cuts=True, clock=clock)

    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        body = body_of(notification)
        headers = signed_headers(body, key=self._key, message_id=message_id(idempotency_key), at=self._clock.now())
        try:
            answer = self._fetcher.fetch("POST", self._target, headers=headers, content=body)
        except NoAnswerError as error:
            raise RetryableError(f"webhook at {self._target.shown}: {redact(error.reason)}") from error
        self._judge(answer)

    def _judge(self, answer: Answer) -> None:
        if 200 <= answer.status < 300:
            return
        failed = f"webhook at {self._target.shown} answered with status {answer.status}"
        if answer.status < 400 or answer.status in _MAY_PASS or answer.status >= 500:
            if answer.status < 400:
                failed += "; redirects are not followed: if it stays so, configure the address that it leads to"
            delay = retry_after(answer.headers.get("retry-after", ""), now=self._clock.now())
            raise RetryableError(failed) if delay is None else RetryableError(failed, delay=delay)
        raise PermanentError(f"{failed}; check its address and its secret")


def body_of(notification: Notification) -> bytes:
    """`{"type", "timestamp", "data"}`, as the standard recommends; texts are redacted. Pure."""
    data = {
        "id": notification.id,
        "incident_id": notification.incident_id,
        "severity": notification.severity,
        "title": redact(notification.title),
        "body": redact(notification.body),
        "fields": {key: redact(value) for key, value in notification.fields.items()},
    }
    return msgspec.json.encode({"type": notification.event, "timestamp": notification.at, "data": data})


def signed_headers(body: bytes, *, key: bytes, message_id: str, at: datetime) -> dict[str, str]:
    """Pure; `at` counts in whole seconds."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def message_id(idempotency_key: str) -> str:
    """The key itself, or its digest when a header or the signature's separator cannot carry it. Pure."""
    return idempotency_key if _PLAIN_ID.fullmatch(idempotency_key) else f"msg_{digest(idempotency_key)[:32]}"


def signing_key(secret: str) -> bytes:
    """The bytes behind `whsec_<base64>`; raises `MisconfiguredError`, which does not show the secret."""
    if not secret.startswith(_PREFIX):
        raise MisconfiguredError(f"the webhook's secret does not begin with {_PREFIX}; make one: {_RECIPE}")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX).strip(), validate=True)
    except (binascii.Error, ValueError):
        raise MisconfiguredError(f"the webhook's secret is not base64 after {_PREFIX}; make one: {_RECIPE}") from None
    if not 24 <= len(key) <= 64:
        raise MisconfiguredError(f"the webhook's secret has {len(key)} bytes, expected 24 to 64; make one: {_RECIPE}")
    return key


_RECIPE = 'echo "whsec_$(head -c 32 /dev/urandom | base64)"'


def retry_after(value: str, *, now: datetime) -> timedelta | None:
    """How long the receiver asks to be left alone, between a second and an hour; None when it does not say. Pure."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        wanted = timedelta(seconds=min(int(text[:9]), 10**6))
    else:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        wanted = (date if date.tzinfo is not None else date.replace(tzinfo=UTC)) - now
    return min(max(wanted, timedelta(seconds=1)), _LONGEST_DELAY)

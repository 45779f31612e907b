"""Tells people in a Slack channel through an incoming webhook.

The webhook's URL is a secret as a whole, so no message of this file shows any part of it. Slack cannot tell a
repetition: an attempt that timed out after Slack had taken it shows up twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import msgspec

from recoverops.egress import Fetcher, NoAnswerError, Target, target_of
from recoverops.model import MisconfiguredError, Notification, PermanentError, RecoverOpsError, RetryableError
from recoverops.plugins.slack.blocks import message_of
from recoverops.ports import Clock

_ERROR_WORD = re.compile(r"[a-z_]{1,60}", re.ASCII)
_LONGEST_DELAY = timedelta(hours=1)
_UNTIL_CORRECTED = timedelta(minutes=1)
_LONGEST_WORD = 64
"""Bytes of an answer that are read: Slack's word for an error, or `ok`."""


class SlackNotifier:
    """Implements `ports.Notifier`. httpx is imported when it is made."""

    name = "slack"

    def __init__(self, url: Callable[[], str], *, timeout: timedelta, clock: Clock) -> None:
        """`url` is asked for each message, so that a webhook that was replaced counts without a restart.

        Raises `MisconfiguredError`, without the URL, when it cannot be posted to, and what `url` raises.
        """
        self._url = url
        webhook(url())
        self._fetcher = Fetcher(timeout_s=timeout.total_seconds(), max_bytes=_LONGEST_WORD, cuts=True, clock=clock)
        self._timeout_s = timeout.total_seconds()

    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        content = msgspec.json.encode(message_of(notification))
        try:
            answer = self._fetcher.fetch(
                "POST", self._target(), headers={"Content-Type": "application/json"}, content=content
            )
        except NoAnswerError as error:
            told = f"did not answer within {self._timeout_s:.3g} s" if error.is_late else "cannot be reached"
            raise RetryableError(f"slack {told}") from None
        word = answer.body.decode("utf-8", errors="replace").strip()
        judge(answer.status, word, answer.headers.get("retry-after", ""))

    def _target(self) -> Target:
        try:
            return webhook(self._url())
        except RetryableError:
            raise
        except RecoverOpsError as error:
            raise RetryableError(f"slack's url cannot be used now: {error}", delay=_UNTIL_CORRECTED) from error


def webhook(url: str) -> Target:
    """Where to post. Raises `MisconfiguredError`, without the URL."""
    unusable = "slack's url does not refer to an address like https://hooks.slack.com/services/..."
    if not re.fullmatch(r"https?://[^\s/@]+/\S*", url):
        raise MisconfiguredError(unusable)
    try:
        return target_of(url, where="slack's url")
    except MisconfiguredError:
        raise MisconfiguredError(unusable) from None


def judge(status: int, word: str, retry_after: str) -> None:
    """Returns when Slack took it; raises what the answer means otherwise. Pure."""
    if 200 <= status < 300:
        return
    failed = f"slack answered with status {status}" + (f" ({word})" if _ERROR_WORD.fullmatch(word) else "")
    # Slack says with a word why it refuses; a 404 without one comes from something in between.
    is_foreign = status == 404 and not _ERROR_WORD.fullmatch(word)
    if status < 400 or status in {408, 425, 429} or status >= 500 or is_foreign:
        if not (retry_after.isascii() and retry_after.isdigit()):
            raise RetryableError(failed)
        asked_for = timedelta(seconds=max(1, int(retry_after[:9])))
        raise RetryableError(failed, delay=min(asked_for, _LONGEST_DELAY))
    raise PermanentError(f"{failed}; check that the incoming webhook still exists and its channel is open")

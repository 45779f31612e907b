"""Tells people in a Slack channel through an incoming webhook.

The webhook's URL is a secret as a whole, so no message of this file shows any part of it. Slack cannot tell a
repetition: an attempt that timed out after Slack had taken it shows up twice.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from recoverops.model import MisconfiguredError, Notification, PermanentError, RetryableError
from recoverops.plugins.slack.blocks import message_of

if TYPE_CHECKING:
    import httpx

_ERROR_WORD = re.compile(r"[a-z_]{1,60}", re.ASCII)
_LONGEST_DELAY = timedelta(hours=1)


class SlackNotifier:
    """Implements `ports.Notifier`. httpx is imported by the first delivery."""

    name = "slack"

    def __init__(self, url: str, *, timeout: timedelta) -> None:
        """Raises `MisconfiguredError`, without the URL, when it cannot be posted to."""
        if not re.fullmatch(r"https?://[^\s/@]+/\S*", url) or _is_link_local(url):
            raise MisconfiguredError(
                "slack's url does not refer to an address like https://hooks.slack.com/services/..."
            )
        self._url = url
        self._timeout_s = timeout.total_seconds()

    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        import httpx

        content = msgspec.json.encode(message_of(notification))
        try:
            status, word, retry_after = self._post(content)
        except httpx.TimeoutException as error:
            raise RetryableError(f"slack did not answer within {self._timeout_s:.3g} s") from _without_url(error)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise RetryableError(f"slack cannot be reached ({type(error).__name__})") from _without_url(error)
        judge(status, word, retry_after)

    def _post(self, content: bytes) -> tuple[int, str, str]:
        """Status, Slack's word for the error, and Retry-After.

        On the transport, because httpx's client writes the URL to the log, follows proxies from the environment and
        may follow redirects.
        """
        import httpx

        request = httpx.Request(
            "POST",
            self._url,
            headers={"Content-Type": "application/json", "User-Agent": "recoverops"},
            content=content,
            extensions={"timeout": httpx.Timeout(self._timeout_s).as_dict()},
        )
        with httpx.HTTPTransport(trust_env=False) as transport:
            response = transport.handle_request(request)
            try:
                return response.status_code, _beginning(response), response.headers.get("retry-after", "")
            finally:
                response.close()


def judge(status: int, word: str, retry_after: str) -> None:
    """Returns when Slack took it; raises what the answer means otherwise. Pure."""
    if 200 <= status < 300:
        return
    failed = f"slack answered with status {status}" + (f" ({word})" if _ERROR_WORD.fullmatch(word) else "")
    if status == 429 or status >= 500:
        if not (retry_after.isascii() and retry_after.isdigit()):
            raise RetryableError(failed)
        asked_for = timedelta(seconds=max(1, int(retry_after[:9])))
        raise RetryableError(failed, delay=min(asked_for, _LONGEST_DELAY))
    raise PermanentError(f"{failed}; check that the incoming webhook still exists and its channel is open")


def _is_link_local(url: str) -> bool:
    """Where clouds keep their metadata; nothing that Slack answers from."""
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_link_local
    except ValueError:
        return False


def _beginning(response: httpx.Response) -> str:
    for piece in response.iter_bytes(64):
        return piece.decode("utf-8", errors="replace").strip()
    return ""


def _without_url(error: Exception) -> Exception:
    """The cause for the traceback, with a message that cannot hold the URL."""
    return ConnectionError(type(error).__name__)

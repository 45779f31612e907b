"""A test alert to the own intake, in Alertmanager's form: it proves address, key and durable write, and opens nothing.

It is a `resolved` alert of something that never fired, so that nobody is called.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import httpx

from recoverops.model import NotFoundError, PermanentError, Record, UnreachableError

ANSWERS_WITHIN_S = 10.0


class Delivery(Record, frozen=True, kw_only=True):
    url: str
    stored: int
    duplicates: int


def send_test_alert(*, host: str, port: int, key_file: Path, now: datetime) -> Delivery:
    """Raises NotFoundError without a key, UnreachableError without an engine, PermanentError when it is refused."""
    try:
        key = key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NotFoundError(f"{key_file} cannot be read; the first `recoverops up` makes it") from error
    url = f"http://{_reachable(host)}:{port}/intake/alertmanager"
    try:
        answer = httpx.post(
            url,
            json=_envelope(now),
            headers={"Authorization": f"Bearer {key}"},
            timeout=ANSWERS_WITHIN_S,
            trust_env=False,
        )
        told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UnreachableError(
            f"no engine answers at {url} ({type(error).__name__}); start it: recoverops up"
        ) from error
    if answer.status_code != httpx.codes.OK or not isinstance(told, dict):
        raise PermanentError(f"{url} refused the test alert with status {answer.status_code}")
    return Delivery(url=url, stored=int(told.get("stored", 0)), duplicates=int(told.get("duplicates", 0)))


def _reachable(host: str) -> str:
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - what a listener on every address is called here
    return here.get(host, f"[{host}]" if ":" in host else host)


def _envelope(now: datetime) -> dict[str, object]:
    at = now.isoformat()
    labels = {"alertname": "RecoverOpsTest", "severity": "none", "sent_at": at}
    alert = {"status": "resolved", "labels": labels, "annotations": {}, "startsAt": at, "endsAt": at}
    return {"version": "4", "status": "resolved", "receiver": "recoverops", "alerts": [alert]}

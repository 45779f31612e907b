"""The conformance kit for notifiers. A plugin author calls `check_notifier` from a test, against a real receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from recoverops.model import IncidentId, Notification, NotificationId, PermanentError, RetryableError, Severity
from recoverops.ports import Notifier
from recoverops.testing.claims import ConformanceError, claim, claim_no_secret

HOSTILE_TEXT = "<!channel> & <https://example.org|click> \x1b[31m\r\nHost: evil\x00 \u202e*_`~ {0} %s ☃"
"""What an alert may carry: mentions, links, control characters, placeholders."""


def sample_notification(**changes: str) -> Notification:
    """A complete notification; `title` and `body` can be given."""
    return Notification(
        id=NotificationId("ntf-20260131-120000-abcdef"),
        incident_id=IncidentId("inc-20260131-120000-abcdef"),
        event="incident.opened",
        severity=Severity.CRITICAL,
        title=changes.get("title", "checkout is down"),
        body=changes.get("body", "service.running was 0 at 12:00:01Z (EXITED, exit status 3)"),
        at=datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC),
        fields={"resource": "service:checkout", "rule": "restart-dead-service"},
    )


def check_notifier(
    notifier: Notifier,
    *,
    received: Callable[[], int],
    outage: Callable[[], AbstractContextManager[object]] | None = None,
    rejection: Callable[[], AbstractContextManager[object]] | None = None,
    secrets: Iterable[str] = (),
) -> None:
    """Raises `ConformanceError` with the sentence that does not hold.

    `received` counts what the receiver has taken. For the time of their contexts `outage` makes it fail in a way that
    passes, `rejection` in one that does not; None where the receiver cannot fail so.
    """
    hidden = tuple(secrets)
    claim(bool(notifier.name), "it has no name")
    before = received()
    notifier.send(sample_notification(), idempotency_key="ntf-1:kit")
    claim(received() == before + 1, f"one notification arrived {received() - before} times")
    hostile = sample_notification(title=HOSTILE_TEXT, body=HOSTILE_TEXT * 200)
    notifier.send(hostile, idempotency_key="ntf-2:kit\r\nX-Injected: 1")
    claim(received() == before + 2, "a notification with hostile text did not arrive once")
    if outage is not None:
        _claim_raises(notifier, RetryableError, outage, hidden)
    if rejection is not None:
        _claim_raises(notifier, PermanentError, rejection, hidden)


def _claim_raises(
    notifier: Notifier,
    expected: type[RetryableError | PermanentError],
    trouble: Callable[[], AbstractContextManager[object]],
    secrets: Iterable[str],
) -> None:
    with trouble():
        try:
            notifier.send(sample_notification(), idempotency_key="ntf-3:kit")
        except expected as error:
            claim_no_secret(_whole_text(error), secrets, where=f"the {expected.__name__}")
            return
    raise ConformanceError(f"send does not raise {expected.__name__}")


def _whole_text(error: BaseException) -> str:
    """The message, and those of the causes that a traceback shows."""
    texts: list[str] = []
    current: BaseException | None = error
    while current is not None:
        texts.append(f"{current!r} {current}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n".join(texts)

"""`POST /api/v2/alerts` as Prometheus and amtool send it, as alerts: RecoverOps in the place of an Alertmanager.

What really comes (Prometheus 2.42, amtool 0.25): Prometheus repeats a firing alert every minute with the same
`startsAt` and an `endsAt` four minutes ahead that moves on; a resolved one has an `endsAt` that has passed, and is
repeated for 15 minutes. amtool sends Go's zero time for a start or an end that it was not given. So an alert is
resolved when its end has passed at its receipt, and the moving end of a firing one is left out: a repetition is the
same fact.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from recoverops.model import Alert, AlertStatus
from recoverops.plugins.prometheus.continuing import Continuing
from recoverops.plugins.prometheus.decoding import Format, annotated, fingerprint
from recoverops.ports import Clock

NAME = "alertmanager-api"

_FORMAT = Format("a list of alerts for Alertmanager's API v2")


class _Entry(msgspec.Struct, frozen=True):
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str = ""  # noqa: N815 - the sender's spelling
    endsAt: str = ""  # noqa: N815


class AlertmanagerApiSource:
    """Implements `ports.PushSource`. The clock says what has ended; a delivery repeated in time gives equal alerts."""

    name = NAME

    def __init__(self, *, max_alerts: int, same_alert_within: timedelta, clock: Clock) -> None:
        self._max_alerts = max_alerts
        self._clock = clock
        self._continuing = Continuing(within=same_alert_within, limit=max_alerts)
        self._decoder = msgspec.json.Decoder(list[_Entry])

    def decode(self, headers: Mapping[str, str], body: bytes) -> tuple[Alert, ...]:
        entries = _FORMAT.decoded(self._decoder, body)
        if len(entries) > self._max_alerts:
            raise _FORMAT.refused(f"it carries {len(entries)} alerts, at most {self._max_alerts} are taken")
        now = self._clock.now()
        read = [_read(entry, f"[{index}]", now) for index, entry in enumerate(entries)]
        return tuple(self._started(alert, entry_has_start, now) for alert, entry_has_start in read)

    def _started(self, alert: Alert, has_start: bool, now: datetime) -> Alert:
        """Only once the whole delivery is known to be good, so that a refused one leaves no trace."""
        if alert.status is AlertStatus.RESOLVED:
            self._continuing.ended(alert.fingerprint)
            return alert
        if has_start:
            return alert
        return msgspec.structs.replace(alert, starts_at=self._continuing.firing(alert.fingerprint, now=now))


def _read(entry: _Entry, where: str, now: datetime) -> tuple[Alert, bool]:
    """The alert, and whether it came with a start; without one it carries a stand-in. Pure."""
    labels = {key: value for key, value in entry.labels.items() if value}
    if not labels:
        raise _FORMAT.refused(f"{where}.labels has no label with a value; an alert is known by its labels")
    starts_at = _FORMAT.start(entry.startsAt, f"{where}.startsAt", now=now) if entry.startsAt else None
    ends_at = _FORMAT.time(entry.endsAt, f"{where}.endsAt") if entry.endsAt else None
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        raise _FORMAT.refused(f"{where}.endsAt is {entry.endsAt!r}, before its startsAt {entry.startsAt!r}")
    has_ended = ends_at is not None and ends_at <= now
    alert = Alert(
        source=NAME,
        fingerprint=fingerprint(labels),
        status=AlertStatus.RESOLVED if has_ended else AlertStatus.FIRING,
        starts_at=starts_at or (ends_at if has_ended and ends_at else now),
        ends_at=ends_at if has_ended else None,
        labels=labels,
        annotations=annotated(entry.annotations),
    )
    return alert, starts_at is not None

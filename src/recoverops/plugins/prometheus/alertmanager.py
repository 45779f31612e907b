"""Alertmanager's webhook, version 4, as alerts. The door owns route, limits and authentication.

Pure but for the clock, and for telling when Alertmanager says that it left alerts out.
The format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Unknown fields are accepted, so a
newer Alertmanager of the same version is understood; whatever does not fit is refused with the value that does not.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from recoverops.model import Alert, AlertStatus
from recoverops.plugins.prometheus.decoding import Format, annotated, fingerprint, short
from recoverops.ports import Clock

NAME = "alertmanager"
VERSION = "4"
TRUNCATED = "recoverops_deliveries_truncated_total"

_LOG = logging.getLogger("recoverops.plugins.prometheus")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FORMAT = Format("an Alertmanager webhook delivery")


class _Entry(msgspec.Struct, frozen=True):
    status: str
    startsAt: str  # noqa: N815 - the sender's spelling
    endsAt: str = ""  # noqa: N815
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    fingerprint: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    version: str
    alerts: list[_Entry]
    truncatedAlerts: int | None = None  # noqa: N815


class AlertmanagerSource:
    """Implements `ports.PushSource`."""

    name = NAME

    def __init__(self, *, max_alerts: int, clock: Clock, truncated: Callable[[], None] = lambda: None) -> None:
        """`truncated` is called for each delivery from which alerts were left out."""
        self._max_alerts = max_alerts
        self._truncated = truncated
        self._clock = clock
        self._decoder = msgspec.json.Decoder(_Envelope)

    def decode(self, headers: Mapping[str, str], body: bytes) -> tuple[Alert, ...]:
        envelope = _FORMAT.decoded(self._decoder, body)
        if envelope.version != VERSION:
            raise _FORMAT.refused(f"version is {short(envelope.version)}, this release reads {VERSION!r}")
        if len(envelope.alerts) > self._max_alerts:
            raise _FORMAT.refused(
                f"it carries {len(envelope.alerts)} alerts, at most {self._max_alerts} are taken; "
                "group by more labels (`group_by`), or send a part of them over a route of its own. `max_alerts` in "
                "Alertmanager's webhook_config is no way out: it leaves alerts out, and nobody hears of them"
            )
        if envelope.truncatedAlerts:
            self._tell(envelope.truncatedAlerts)
        now = self._clock.now()
        return tuple(_alert(entry, f"alerts[{index}]", now) for index, entry in enumerate(envelope.alerts))

    def _tell(self, left_out: int) -> None:
        way_out = "remove `max_alerts` from Alertmanager's webhook_config, and group by more labels (`group_by`)"
        _LOG.warning("alerts_left_out", extra={"source": NAME, "count": left_out, "way_out": way_out})
        self._truncated()


def _alert(entry: _Entry, where: str, now: datetime) -> Alert:
    starts_at = _FORMAT.start(entry.startsAt, f"{where}.startsAt", now=now)
    if starts_at is None:
        raise _FORMAT.refused(f"{where}.startsAt is {entry.startsAt!r}, which means no time; an alert has to start")
    if entry.status not in set(AlertStatus):
        raise _FORMAT.refused(f"{where}.status is {short(entry.status)}, expected 'firing' or 'resolved'")
    if _CONTROL.search(entry.fingerprint):
        raise _FORMAT.refused(
            f"{where}.fingerprint is {short(entry.fingerprint)}, with a control character in it; send it without, or "
            "leave it out: it is then made of the labels"
        )
    return Alert(
        source=NAME,
        fingerprint=entry.fingerprint or fingerprint(entry.labels),
        status=AlertStatus(entry.status),
        starts_at=starts_at,
        ends_at=_FORMAT.time(entry.endsAt, f"{where}.endsAt") if entry.endsAt else None,
        labels=entry.labels,
        annotations=annotated(entry.annotations),
    )

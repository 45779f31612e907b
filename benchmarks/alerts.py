"""Bodies as Alertmanager's webhook of version 4 sends them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

INTAKE = "/intake/alertmanager"
_NO_END = "0001-01-01T00:00:00Z"


def alert(
    labels: Mapping[str, str], *, fingerprint: str, starts_at: datetime, ends_at: datetime | None = None
) -> dict[str, object]:
    """Firing, or resolved when it has an end. About 600 bytes, as an ordinary alert has."""
    return {
        "status": "resolved" if ends_at else "firing",
        "labels": dict(labels),
        "annotations": {
            "summary": f"{labels['alertname']} on {labels['instance']}",
            "description": "The target has not answered for 30 seconds. Measured by the benchmark's own sender.",
            "runbook_url": "https://runbooks.example.com/service-down",
        },
        "startsAt": _time(starts_at),
        "endsAt": _time(ends_at) if ends_at else _NO_END,
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=up+%3D%3D+0",
        "fingerprint": fingerprint,
    }


def webhook(alerts: Iterable[Mapping[str, object]]) -> bytes:
    return json.dumps(
        {
            "version": "4",
            "groupKey": '{}:{alertname="bench"}',
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "recoverops",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.example.com",
            "alerts": list(alerts),
        }
    ).encode()


def now() -> datetime:
    return datetime.now(UTC)


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""One line as a format understands it."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import LogSeverity, Record

REQUEST_ID = "request.id"
INVOCATION_ID = "faas.invocation_id"


class Line(Record, frozen=True, kw_only=True):
    body: str
    severity: LogSeverity = LogSeverity.UNKNOWN
    attributes: Mapping[str, str] = {}
    """Names of OpenTelemetry where it has one."""

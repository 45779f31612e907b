"""One line of a log, or one structured record of it, as a source delivers it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from recoverops.model.record import Record
from recoverops.model.resource import Resource
from recoverops.redact import redact

LONGEST_BODY = 4096
"""Characters of a body that are kept."""


class LogSeverity(StrEnum):
    """The ranges of OpenTelemetry's severity numbers."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"
    UNKNOWN = "unknown"
    """the sender does not say; the text of the body decides"""


class LogRecord(Record, frozen=True, kw_only=True):
    """What somebody wrote into a log. Its text never aims an action: the inventory does."""

    id: str
    """The sender's own id, the same at every delivery: a record that comes twice within `storage.retention.stream_ids`
    is counted once. Empty when only its place in the stream tells it from others; then the marks alone see to that."""
    at: datetime
    body: str
    """From `body_of`: bounded and redacted."""
    severity: LogSeverity = LogSeverity.UNKNOWN
    resource: Resource | None = None
    """What it is about, when the source knows it by an address. None: `attributes` choose among the services."""
    attributes: Mapping[str, str] = {}
    """Names of OpenTelemetry, e.g. `service.name`, `host.name`, `aws.log.group.names`."""


def body_of(text: str) -> str:
    """The text as a body: redacted, and no longer than `LONGEST_BODY`. What is far beyond that is not looked at."""
    if len(text) > LONGEST_BODY:
        return redact(text[: 2 * LONGEST_BODY])[:LONGEST_BODY]
    return redact(text)[:LONGEST_BODY]

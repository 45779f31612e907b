"""JSON objects as loggers write them, and text. Pure.

The names of fields are those of the usual loggers: pino, bunyan, zap, logrus, structlog, python-json-logger, Serilog,
AWS Lambda Powertools.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from recoverops.loglines import severity_named
from recoverops.model import LogSeverity
from recoverops.plugins.aws.formats.line import REQUEST_ID, Line

_LEVELS = ("level", "severity", "levelname", "log.level", "loglevel", "lvl", "@l")
_MESSAGES = ("message", "msg", "log", "body", "@m", "event", "text")
_REQUESTS = (
    "requestId", "request_id", "requestID", "AWSRequestId", "function_request_id", "req_id", "x-request-id",
    "correlation_id", "correlationId",
)  # fmt: skip
_SERVICES = ("service.name", "service", "service_name")
_ERRORS = ("error", "err", "exception", "errorMessage", "stack")
_NUMBERS = (
    (60, LogSeverity.FATAL),
    (50, LogSeverity.ERROR),
    (40, LogSeverity.WARN),
    (30, LogSeverity.INFO),
    (20, LogSeverity.DEBUG),
    (10, LogSeverity.TRACE),
)
"""pino's and bunyan's"""
_REQUEST = re.compile(r"equest[_-]?[iI][dD][\"']?\s*[=:]\s*[\"']?([\w.:/+-]{6,100})")
"""It begins with fixed letters, which makes searching for it ten times as fast."""


def any_line(text: str) -> Line:
    found = decoded(text)
    return json_line(found, text) if found is not None else text_line(text)


def decoded(text: str) -> Mapping[str, Any] | None:
    """The JSON object that the text is; None when it is none."""
    if not text.startswith("{"):
        return None
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def text_line(text: str) -> Line:
    match = _REQUEST.search(text)
    return Line(body=text, attributes={REQUEST_ID: match[1]} if match else {})


def json_line(found: Mapping[str, Any], text: str) -> Line:
    message = _first(found, _MESSAGES)
    body = message if message is not None else text
    error = next((told for name in _ERRORS if (told := _told(found.get(name)))), None)
    if error is not None and error not in body:
        body = f"{body}: {error}"
    return Line(body=body, severity=_severity(found), attributes=attributes_of(found))


def attributes_of(found: Mapping[str, Any]) -> dict[str, str]:
    """Which request it was, and which service says so, if the object tells."""
    attributes: dict[str, str] = {}
    request, service = _first(found, _REQUESTS), _first(found, _SERVICES)
    if request is not None:
        attributes[REQUEST_ID] = request
    named = found.get("service")
    if service is None and isinstance(named, dict):
        service = _first(named, ("name",))
    if service is not None:
        attributes["service.name"] = service
    return attributes


def _severity(found: Mapping[str, Any]) -> LogSeverity:
    for name in _LEVELS:
        level = found.get(name)
        if isinstance(level, str):
            return severity_named(level)
        if isinstance(level, int | float):
            return next((one for least, one in _NUMBERS if level >= least), LogSeverity.UNKNOWN)
    return LogSeverity.UNKNOWN


def _first(found: Mapping[str, Any], names: Iterable[str]) -> str | None:
    for name in names:
        value = found.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def _told(value: Any) -> str | None:
    """An error as text, or as an object with a message."""
    if isinstance(value, str):
        return value or None
    return _first(value, ("message", "msg", "type")) if isinstance(value, dict) else None

"""AWS Lambda: lines of the platform, of the runtimes for Node.js and Python, and JSON. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from recoverops.loglines import severity_named
from recoverops.model import LogSeverity
from recoverops.plugins.aws.formats.line import INVOCATION_ID, REQUEST_ID, Line
from recoverops.plugins.aws.formats.structured import any_line, decoded, json_line

_ID = r"(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_AT = r"\d{4}-\d\d-\d\dT[\d:.]+Z"
_PLATFORM = re.compile(rf"(?P<what>START|END|REPORT) RequestId: {_ID}(?P<rest>.*)", re.DOTALL)
_NODE = re.compile(rf"{_AT}\t(?:{_ID}|undefined)\t(?P<level>[A-Z]+)\t(?P<text>.*)", re.DOTALL)
_PYTHON = re.compile(rf"\[(?P<level>[A-Z]+)\]\t{_AT}\t{_ID}\t(?P<text>.*)", re.DOTALL)
_UNHANDLED = re.compile(r"\[(?P<level>[A-Z]+)\] (?P<text>.*)", re.DOTALL)
_DIED = re.compile(
    rf"(?:{_AT} {_ID} Task timed out|RequestId: {_ID.replace('<id>', '<other>')} (?:Error:|Process exited))"
)
_FAILED = re.compile(r"\bStatus: (?:error|timeout|failure)\b")


def lambda_line(text: str) -> Line:
    found = decoded(text)
    if found is not None:
        return _json(found, text)
    match = _PLATFORM.match(text)
    if match:
        has_failed = match["what"] == "REPORT" and _FAILED.search(match["rest"]) is not None
        return _line(text, LogSeverity.ERROR if has_failed else LogSeverity.INFO, match["id"])
    match = _NODE.match(text) or _PYTHON.match(text)
    if match:
        return _line(match["text"], severity_named(match["level"]), match["id"])
    match = _DIED.match(text)
    if match:
        return _line(text, LogSeverity.ERROR, match["id"] or match["other"])
    match = _UNHANDLED.match(text)
    if match:
        return _line(match["text"], severity_named(match["level"]), None)
    return any_line(text)


def _line(body: str, severity: LogSeverity, request: str | None) -> Line:
    return Line(body=body.rstrip(), severity=severity, attributes={INVOCATION_ID: request} if request else {})


def _json(found: Mapping[str, Any], text: str) -> Line:
    """The platform's own objects have a `type` and a `record`; all others are a function's."""
    record = found.get("record")
    if str(found.get("type", "")).startswith("platform.") and isinstance(record, dict):
        has_failed = record.get("status") in {"error", "timeout", "failure"} or "fault" in str(found["type"])
        request = record.get("requestId")
        severity = LogSeverity.ERROR if has_failed else LogSeverity.INFO
        return _line(text, severity, request if isinstance(request, str) else None)
    line = json_line(found, text)
    request = line.attributes.get(REQUEST_ID)
    if request is None:
        return line
    others = {name: value for name, value in line.attributes.items() if name != REQUEST_ID}
    return msgspec.structs.replace(line, attributes={INVOCATION_ID: request, **others})

"""EC2 instances: the lines of syslog and journald that the CloudWatch agent passes on, and the kernel's. Pure."""

from __future__ import annotations

import re

import msgspec

from recoverops.model import LogSeverity
from recoverops.plugins.aws.formats.line import Line
from recoverops.plugins.aws.formats.structured import any_line

_SYSLOG = re.compile(
    r"(?:<(?P<priority>\d{1,3})>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,24}) "
    r"(?P<host>[\w.-]{1,255}) (?P<program>[^\s:\[\]]{1,100})(?:\[(?P<pid>\d{1,10})\])?: (?P<text>.*)",
    re.DOTALL,
)
_PRIORITIES = (
    LogSeverity.FATAL,
    LogSeverity.FATAL,
    LogSeverity.FATAL,
    LogSeverity.ERROR,
    LogSeverity.WARN,
    LogSeverity.INFO,
    LogSeverity.INFO,
    LogSeverity.DEBUG,
)
"""From emergency to debug."""
_KERNEL = re.compile(
    r"Out of memory: Killed process|oom-kill:|kernel BUG|Kernel panic|I/O error|EXT4-fs error|segfault at"
)


def ec2_line(text: str) -> Line:
    match = _SYSLOG.match(text)
    if match is None:
        return any_line(text)
    inner = any_line(match["text"])
    found = {"host.name": match["host"], "process.executable.name": match["program"], "process.pid": match["pid"]}
    severity = inner.severity
    if match["priority"]:
        severity = _PRIORITIES[int(match["priority"]) & 7]
    elif match["program"] == "kernel" and _KERNEL.search(match["text"]):
        severity = LogSeverity.ERROR
    attributes = {**{name: value for name, value in found.items() if value}, **inner.attributes}
    return msgspec.structs.replace(inner, severity=severity, attributes=attributes)

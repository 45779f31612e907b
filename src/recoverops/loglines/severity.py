"""The severity that a line names itself, in the usual places of the usual formats. Pure."""

from __future__ import annotations

import re

from recoverops.loglines.signs import is_error
from recoverops.model.log import LogSeverity

_LOOKED_AT = 400
"""Characters at the beginning of a line in which a level stands."""

NAMES = {
    "trace": LogSeverity.TRACE,
    "finest": LogSeverity.TRACE,
    "finer": LogSeverity.TRACE,
    "debug": LogSeverity.DEBUG,
    "fine": LogSeverity.DEBUG,
    "info": LogSeverity.INFO,
    "information": LogSeverity.INFO,
    "notice": LogSeverity.INFO,
    "log": LogSeverity.INFO,
    "note": LogSeverity.INFO,
    "system": LogSeverity.INFO,
    "warn": LogSeverity.WARN,
    "warning": LogSeverity.WARN,
    "error": LogSeverity.ERROR,
    "err": LogSeverity.ERROR,
    "severe": LogSeverity.ERROR,
    "critical": LogSeverity.FATAL,
    "crit": LogSeverity.FATAL,
    "fatal": LogSeverity.FATAL,
    "panic": LogSeverity.FATAL,
    "alert": LogSeverity.FATAL,
    "emerg": LogSeverity.FATAL,
    "emergency": LogSeverity.FATAL,
}
"""What programs call their levels, in lower case."""

_LEVEL = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|CRITICAL|FATAL|PANIC|EMERG)\b"
    r"|(?i:\b(?:level|severity|lvl|levelname)[\"']?\s*[=:]\s*[\"']?([a-z]{3,11}))"
    r"|(?i:[\[<](trace|debug|info|notice|warn|warning|error|critical|crit|fatal|alert|emerg)[\]>])"
)


def severity_named(name: str) -> LogSeverity:
    """The severity that a program calls so; UNKNOWN for a word that is none."""
    return NAMES.get(name.strip().lower(), LogSeverity.UNKNOWN)


def severity_of(line: str) -> LogSeverity:
    """By the first level that stands in its beginning, else by what says an error anywhere, else UNKNOWN."""
    match = _LEVEL.search(line, 0, _LOOKED_AT)
    if match is not None:
        named = severity_named(match[match.lastindex or 0])
        if named is not LogSeverity.UNKNOWN:
            return named
    return LogSeverity.ERROR if is_error(line) else LogSeverity.UNKNOWN

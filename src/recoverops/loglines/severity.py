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

_ASSIGNED = re.compile(r"(?i)\b(?:level|severity|lvl|levelname)[\"']?\s*[=:]\s*[\"']?([a-z]{3,11})")
_CAPITALS = re.compile(r"\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|CRITICAL|FATAL|PANIC|EMERG)\b")
_BRACKETED = re.compile(r"[\[<]((?i:trace|debug|info|notice|warn|warning|error|critical|crit|fatal|alert|emerg))[\]>]")
_PLACES = ((("level", "severity", "lvl"), _ASSIGNED), ((), _CAPITALS), (("[", "<"), _BRACKETED))
"""The surest place first, each behind what such a line contains: most lines are decided by their capitals."""


def severity_named(name: str) -> LogSeverity:
    """The severity that a program calls so; UNKNOWN for a word that is none."""
    return NAMES.get(name.lower(), LogSeverity.UNKNOWN)


def severity_of(line: str) -> LogSeverity:
    """By the level that stands in its beginning, else by what says an error anywhere, else UNKNOWN."""
    beginning = line[:_LOOKED_AT]
    lowered = beginning.lower()
    for hints, pattern in _PLACES:
        if hints and not any(hint in lowered for hint in hints):
            continue
        match = pattern.search(beginning)
        named = severity_named(match[1]) if match is not None else LogSeverity.UNKNOWN
        if named is not LogSeverity.UNKNOWN:
            return named
    return LogSeverity.ERROR if is_error(line) else LogSeverity.UNKNOWN

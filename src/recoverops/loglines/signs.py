"""Lines of a log that mean something whatever the program: errors, and the signs of four kinds of trouble. Pure.

A line counts for the first sign in the table that it fits, and as an error besides when it says so. The hints are
cheap: only a line that contains one of them, in lower case, is shown to the regular expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ERRORS = "log.errors"

_ERROR = re.compile(
    r"\b(?:ERROR|CRITICAL|FATAL|SEVERE|PANIC|EMERG)\b"
    r"|(?i:\blevel[\"']?\s*[=:]\s*[\"']?(?:error|critical|fatal|panic|emerg))"
    r"|(?i:[\[<](?:error|critical|crit|fatal|alert|emerg)[\]>])"
    r"|^Traceback \(most recent call last\)"
)
_ERROR_HINTS = ("error", "critical", "fatal", "severe", "panic", "emerg", "[crit]", "alert", "traceback")


@dataclass(frozen=True, slots=True)
class Signature:
    metric: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]

    def fits(self, line: str, lowered: str) -> bool:
        for hint in self.hints:  # a loop: it is asked of every line, and a generator costs three times as much
            if hint in lowered:
                return self.pattern.search(line) is not None
        return False


SIGNATURES = (
    Signature(
        "log.port_in_use",
        ("in use", "eaddrinuse", "already bound", "already listening"),
        re.compile(
            r"(?i)address (?:is )?already in use|\bEADDRINUSE\b|port \d+ (?:is )?(?:already )?(?:in use|bound)"
            r"|already (?:bound|listening) (?:to|on) "
        ),
    ),
    Signature(
        "log.pool_exhausted",
        ("pool", "connection", "too many clients"),
        re.compile(
            r"(?i)pool\b.{0,60}\b(?:exhausted|limit|overflow|is full|is empty|timed? ?out|timeout)"
            r"|\b(?:no|waiting for a|waiting for) (?:free|available|idle)?\s?(?:pooled |database |db )?connections?\b"
            r".{0,40}(?:available|left|pool|timed? ?out|timeout|$)"
            r"|too many (?:connections|clients)|remaining connection slots"
            r"|(?:could not|cannot|failed to) (?:get|obtain|acquire|check ?out) (?:a )?(?:\w+ )?connection"
        ),
    ),
    Signature(
        "log.permission_denied",
        ("permission", "eacces", "eperm", "not permitted"),
        re.compile(r"(?i)permission denied|\bEACCES\b|\bEPERM\b|operation not permitted|\bPermissionError\b"),
    ),
    Signature(
        "log.dependency",
        ("refused", "reset", "timed out", "timeout", "unreachable", "unavailable", "resol", "no route", "gateway",
         "upstream", "not known"),
        re.compile(
            r"(?i)connection (?:was )?(?:refused|reset)|\bECONN(?:REFUSED|RESET)\b|no route to host|host is unreachable"
            r"|name or service not known|temporary failure in name resolution|could not resolve"
            r"|(?:connect|connection|read|request)\w* (?:to \S+ )?(?:timed? ?out|timeout)|\bETIMEDOUT\b|bad gateway"
            r"|\b(?:upstream|dependency|backend|downstream|payments?|database)\b.{0,80}"
            r"(?:timed? ?out|timeout|unavailable|unreachable|refused|failed|too slow|took \d)"
        ),
    ),
)  # fmt: skip

SIGNS = tuple(signature.metric for signature in SIGNATURES)
METRICS = (ERRORS, *SIGNS)


def is_error(line: str) -> bool:
    """Whether the line says that it is an error."""
    return _says_error(line, line.lower())


def signs_of(line: str) -> tuple[str, ...]:
    """The sign of known trouble that the line has, if any."""
    return _signs(line, line.lower())


def metrics_of(line: str) -> tuple[str, ...]:
    """Every metric that the line counts for."""
    lowered = line.lower()
    return ((ERRORS,) if _says_error(line, lowered) else ()) + _signs(line, lowered)


def _says_error(line: str, lowered: str) -> bool:
    return any(hint in lowered for hint in _ERROR_HINTS) and _ERROR.search(line) is not None


def _signs(line: str, lowered: str) -> tuple[str, ...]:
    for signature in SIGNATURES:
        if signature.fits(line, lowered):
            return (signature.metric,)
    return ()

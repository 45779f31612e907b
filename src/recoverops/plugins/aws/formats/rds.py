"""RDS and Aurora: the error logs of PostgreSQL, MySQL and MariaDB with the prefixes that RDS sets. Pure.

PostgreSQL's `log_line_prefix` is `%t:%r:%u@%d:[%p]:` there and cannot be changed.
"""

from __future__ import annotations

import re

from recoverops.loglines import severity_named
from recoverops.model import LogSeverity
from recoverops.plugins.aws.formats.line import Line
from recoverops.plugins.aws.formats.structured import any_line

_POSTGRES = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \w+:(?P<remote>.{0,100}?):"
    r"(?P<user>[^@\s]{0,100})@(?P<database>[^:\s]{0,100}):\[(?P<pid>\d+)\]:(?P<level>[A-Z]+[1-5]?):\s+(?P<text>.*)",
    re.DOTALL,
)
_MYSQL = re.compile(
    r"\d{4}-\d\d-\d\d[T ] ?\d{1,2}:\d\d:\d\d(?:\.\d+)?Z? (?P<thread>\d+) \[(?P<level>\w+)\] "
    r"(?:\[(?P<code>MY-\d+)\] )?(?:\[\w+\] )?(?P<text>.*)",
    re.DOTALL,
)
_BESIDE = frozenset({"DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY", "LOCATION"})
"""Lines of PostgreSQL that explain the one before them."""


def rds_line(text: str) -> Line:
    match = _POSTGRES.match(text)
    if match:
        return _postgres(match)
    match = _MYSQL.match(text)
    if match:
        code = {"db.response.status_code": match["code"]} if match["code"] else {}
        return Line(body=match["text"], severity=severity_named(match["level"]), attributes=code)
    return any_line(text)


def _postgres(match: re.Match[str]) -> Line:
    level = match["level"].rstrip("12345")
    severity = LogSeverity.INFO if level in _BESIDE else severity_named(level)
    found = {"process.pid": match["pid"], "db.namespace": match["database"], "user.name": match["user"]}
    return Line(
        body=f"{level}: {match['text']}",
        severity=severity,
        attributes={name: value for name, value in found.items() if value},
    )

"""How bad it is, from critical down to normal."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NORMAL = "normal"

    @property
    def rank(self) -> int:
        """4 for critical down to 0 for normal."""
        return len(Severity) - 1 - list(Severity).index(self)


def worst(*severities: Severity) -> Severity:
    """The most severe of them; NORMAL when there are none."""
    return max(severities, key=lambda severity: severity.rank, default=Severity.NORMAL)

"""Whether two names differ by so little that one is a slip for the other."""

from __future__ import annotations

from collections.abc import Iterable

MOST_EDITS = 2


def mistaken_for(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest, at most two letters away; None when it is one itself, or none is near."""
    edits = sorted((_edits(name, one), one) for one in known if abs(len(name) - len(one)) <= MOST_EDITS)
    return edits[0][1] if edits and 0 < edits[0][0] <= MOST_EDITS else None


def _edits(one: str, other: str) -> int:
    """Letters to put in, take out or replace (Levenshtein)."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        before, row[0] = row[0], at
        for column, wanted in enumerate(other, start=1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (letter != wanted)),
            )
    return row[-1]

"""Whether two names differ by so little that one is a slip for the other."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_EDITS = 2
_NUMBER = re.compile(r"[-_.]?\d+")


def mistaken_for(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest: at most two letters away, and less than a third of them.

    None when it is one itself, when none is near, and when only numbers differ: web-9 is no slip for web-1 or web.
    """
    edits = sorted((_edits(name, one), one) for one in known if abs(len(name) - len(one)) <= MOST_EDITS)
    if not edits or not 0 < edits[0][0] <= MOST_EDITS or 3 * edits[0][0] >= len(name):
        return None
    return None if _NUMBER.sub("", name) == _NUMBER.sub("", edits[0][1]) else edits[0][1]


def _edits(one: str, other: str) -> int:
    """Letters to put in, take out or replace (Levenshtein); letters in another order count as one."""
    if one != other and sorted(one) == sorted(other):
        return 1
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        before, row[0] = row[0], at
        for column, wanted in enumerate(other, start=1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (letter != wanted)),
            )
    return row[-1]

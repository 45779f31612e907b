"""Names for people: the end of an id stands for the whole, where only one ends so. Every door asks here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from recoverops.model import NotFoundError

SHORTEST = 4
"""An end of fewer characters is a slip of the pen rather than a name."""
MOST_FOUND = 100
"""So many whose ids end so are read: enough to say that there are several."""
_MOST_TOLD = 5


class _Named(Protocol):
    @property
    def id(self) -> str: ...


N = TypeVar("N", bound=_Named)


def named(text: str, *, get: Callable[[], N], ending: Callable[[], Sequence[N]]) -> N:
    """The one with that id, or the only one whose id ends so.

    Raises NotFoundError: what `get` raises, or the ids that it could be when there are several.
    """
    try:
        return get()
    except NotFoundError:
        found = ending() if len(text) >= SHORTEST else ()
        if not found:
            raise
    if len(found) == 1:
        return found[0]
    told = ", ".join(one.id for one in found[:_MOST_TOLD])
    more = f" and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
    raise NotFoundError(f'"{text}" is not the end of one id alone: {told}{more}; give more of it')

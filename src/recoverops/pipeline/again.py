"""A transaction that is done again when somebody else saved the same row in between.

Used where the pipeline must get its word in whoever else is writing; it reads everything anew at each try.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from recoverops.model import ConflictError

T = TypeVar("T")

_TRIES = 5


def again(write: Callable[[], T]) -> T:
    """Raises ConflictError when the row was taken away at every try."""
    for _ in range(_TRIES - 1):
        try:
            return write()
        except ConflictError:
            continue
    return write()

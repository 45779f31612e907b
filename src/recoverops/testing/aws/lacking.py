"""What moto lacks of single services, put into its classes for as long as the double runs.

A piece is one function of a file beside this one that yields (class, name, what takes its place).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from recoverops.testing.aws.aliases import alias_pieces
from recoverops.testing.aws.conditional_writes import conditional_write_pieces
from recoverops.testing.aws.failover import failover_pieces
from recoverops.testing.aws.health import health_pieces
from recoverops.testing.aws.interfaces import interface_pieces
from recoverops.testing.aws.monitoring import monitoring_pieces
from recoverops.testing.aws.refresh import refresh_pieces

Piece = tuple[type, str, Any]
_PIECES: tuple[Callable[[], Iterator[Piece]], ...] = (
    alias_pieces,
    conditional_write_pieces,
    failover_pieces,
    health_pieces,
    interface_pieces,
    monitoring_pieces,
    refresh_pieces,
)
_ABSENT = object()


@contextmanager
def filled_in() -> Iterator[None]:
    """Every piece is in its place for the time of the context."""
    before: list[tuple[type, str, Any]] = []
    try:
        for pieces in _PIECES:
            for owner, name, piece in pieces():
                before.append((owner, name, owner.__dict__.get(name, _ABSENT)))
                setattr(owner, name, piece)
        yield
    finally:
        for owner, name, usual in reversed(before):
            if usual is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, usual)

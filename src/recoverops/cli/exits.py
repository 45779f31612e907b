"""Exit codes, stable across releases, and how errors become them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from recoverops.model import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    PermanentError,
    RecoverOpsError,
)
from recoverops.redact import redact


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    """it did not work, or the answer is no"""
    USAGE = 2
    """the command line is wrong"""
    MISCONFIGURED = 3
    """the configuration is wrong"""
    CONFLICT = 4
    """somebody else has it, or was first"""
    NOT_FOUND = 5
    UNREACHABLE = 6
    """the database or the other side does not answer"""


_CODES: tuple[tuple[type[RecoverOpsError], Exit], ...] = (
    (MisconfiguredError, Exit.MISCONFIGURED),
    (ConflictError, Exit.CONFLICT),
    (ForbiddenError, Exit.CONFLICT),
    (NotFoundError, Exit.NOT_FOUND),
    (PermanentError, Exit.FAILED),
    (RecoverOpsError, Exit.UNREACHABLE),
)


@contextmanager
def told_errors() -> Iterator[None]:
    """An error of ours ends the command with its sentence on stderr and its exit code; no traceback."""
    try:
        yield
    except RecoverOpsError as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            print(redact(line), file=sys.stderr)
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        raise typer.Exit(code) from error

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
    printable,
)
from recoverops.redact import redact


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    """it did not work, or the answer is no"""
    USAGE = 2
    """the command line is wrong"""
    MISCONFIGURED = 3
    """the configuration is wrong, or this user may not use a file of it"""
    CONFLICT = 4
    """somebody else has it, or was first"""
    NOT_FOUND = 5
    UNREACHABLE = 6
    """the database or the other side does not answer, or the address to listen on is not there or not free yet"""


class WrongUsageError(RecoverOpsError):
    """The command line is wrong in a way that its parser cannot know."""


_CODES: tuple[tuple[type[RecoverOpsError], Exit], ...] = (
    (WrongUsageError, Exit.USAGE),
    (MisconfiguredError, Exit.MISCONFIGURED),
    (ConflictError, Exit.CONFLICT),
    (ForbiddenError, Exit.CONFLICT),
    (NotFoundError, Exit.NOT_FOUND),
    (PermanentError, Exit.FAILED),
    (RecoverOpsError, Exit.UNREACHABLE),
)


@contextmanager
def told_errors(*, is_engine: bool = False) -> Iterator[None]:
    """An error of ours, or of a file, ends the command with one sentence on stderr and its exit code; no traceback.

    An engine that runs keeps the traceback of a file's error: it is a defect, after which systemd starts it again.
    """
    try:
        yield
    except RecoverOpsError as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            print(printable(redact(line)), file=sys.stderr)
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        raise typer.Exit(code) from error
    except PermissionError as error:
        if is_engine or error.filename is None:
            raise
        way_out = "run it as a user who may, e.g. the one that runs the engine: sudo -u recoverops"
        print(f"{error.filename} may not be used by this user ({error.strerror}); {way_out}", file=sys.stderr)
        raise typer.Exit(Exit.MISCONFIGURED) from error
    except OSError as error:
        if is_engine or error.filename is None:  # a pipe that was closed is typer's
            raise
        print(f"{error.filename} cannot be used: {error.strerror}", file=sys.stderr)
        raise typer.Exit(Exit.FAILED) from error

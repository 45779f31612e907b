"""The errors of RecoverOps, sorted by what the caller does next.

A message says what failed, on what, the offending value and the way out.
"""

from __future__ import annotations

from datetime import timedelta


class RecoverOpsError(Exception):
    """Base of every error that RecoverOps raises on purpose."""


class RetryableError(RecoverOpsError):
    """Try the same call again, after `delay`."""

    def __init__(self, message: str, *, delay: timedelta = timedelta(seconds=1)) -> None:
        super().__init__(message)
        self.delay = delay


class UnreachableError(RetryableError):
    """The other side did not answer. It says nothing about the health of what it was asked about."""


class OverloadedError(RetryableError):
    """A bounded queue or a disk is full; nothing was accepted, so nothing is lost when the sender repeats it."""


class PermanentError(RecoverOpsError):
    """The same call will fail again; a person has to look."""


class TooLargeError(PermanentError):
    """What was sent is larger than a limit; nothing of it was taken. Send less at once."""


class MisconfiguredError(RecoverOpsError):
    """The configuration is wrong. `problems` holds one sentence each, with file, line, value and way out."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ConflictError(RecoverOpsError):
    """Somebody changed it first. Read it again and decide anew."""


class NotFoundError(RecoverOpsError):
    """There is no such thing under that id."""


class ForbiddenError(RecoverOpsError):
    """This person or key may not do that."""


class OutcomeUnknownError(RecoverOpsError):
    """An effect may or may not have happened. Probe before anything else."""

"""What a checkpoint holds: a step's answer as JSON, or its failure as type and message.

Both engines use it, so that a segment gets the same answer the first time and after a crash. For that reason an answer
is turned into JSON and back at once, not only on the way out of the database: a value that JSON cannot carry fails
where it was made, and a failure has the same class and text before and after a restart.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from recoverops.model import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    OutcomeUnknownError,
    OverloadedError,
    PermanentError,
    RecoverOpsError,
    RetryableError,
    UnreachableError,
)
from recoverops.redact import redact

LONGEST_SLEEP = timedelta(seconds=60)

_RETRYABLE: dict[str, type[RetryableError]] = {
    error.__name__: error for error in (RetryableError, UnreachableError, OverloadedError)
}
_OWN: dict[str, type[RecoverOpsError]] = {
    error.__name__: error
    for error in (
        ConflictError,
        ForbiddenError,
        MisconfiguredError,
        NotFoundError,
        OutcomeUnknownError,
        PermanentError,
    )
}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """How a step failed. The message is redacted before it gets here."""

    type: str
    message: str
    delay_s: float | None = None


def failure_of(error: BaseException) -> Failure:
    delay_s = error.delay.total_seconds() if isinstance(error, RetryableError) else None
    return Failure(type=type(error).__name__, message=redact(str(error)), delay_s=delay_s)


def error_from(failure: Failure) -> RecoverOpsError:
    """The error to raise for a remembered failure.

    Our own errors come back as what they were, since their class says what the caller does next. Everything else
    comes back as a PermanentError that names the original type.
    """
    if failure.type in _RETRYABLE:
        return _RETRYABLE[failure.type](failure.message, delay=timedelta(seconds=failure.delay_s or 0.0))
    if failure.type in _OWN:
        return _OWN[failure.type](failure.message)
    return PermanentError(f"{failure.type}: {failure.message}")


def to_plain(name: str, value: object, *, returns: Any) -> Any:
    """The answer of step `name` in plain JSON values, proven to convert back to `returns`."""
    if is_nothing(returns):
        return None
    try:
        text = msgspec.json.encode(value)
        msgspec.json.decode(text, type=returns)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        raise PermanentError(
            f'step "{name}" answered {redact(repr(value))[:120]}, which JSON cannot carry as {returns}: {error}; '
            "answer with a record, or name the right type in `returns`"
        ) from error
    return msgspec.json.decode(text)


def from_plain(name: str, plain: Any, *, returns: Any) -> Any:
    """The remembered answer as `returns`; PermanentError when another release remembered something else."""
    if is_nothing(returns):
        return None
    try:
        return msgspec.convert(plain, returns)
    except msgspec.ValidationError as error:
        raise PermanentError(
            f'the remembered answer of step "{name}" is not a {returns}: {error}; it was written by another release'
        ) from error


def is_nothing(returns: Any) -> bool:
    return returns is None or returns is type(None)


def checked_sleep(duration: timedelta) -> timedelta:
    if duration > LONGEST_SLEEP:
        raise PermanentError(
            f"a sleep of {duration.total_seconds():g} s was asked for, at most {LONGEST_SLEEP.total_seconds():g} s are "
            "allowed; park a wait and end the segment instead"
        )
    return duration


class UniqueNames:
    """Refuses a name that the segment has used before: after a crash nobody could tell the two apart."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def claim(self, name: str) -> str:
        if name in self._used:
            raise PermanentError(f'step name "{name}" is used twice in one segment; give each step its own name')
        self._used.add(name)
        return name

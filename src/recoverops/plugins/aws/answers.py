"""What the actions of this plugin share in their answers: checked arguments, plans, executions, and a clean failure.

Everything that leaves here is redacted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from recoverops.model import (
    Execution,
    ExecutionStatus,
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    OutcomeUnknownError,
    PermanentError,
    ProbeAnswer,
    ProbeResult,
    RecoverOpsError,
    RetryableError,
    UnreachableError,
)
from recoverops.ports import Clock, Parameter
from recoverops.redact import redact

_LONGEST_STATEMENT = 1000
_LONGEST_EVIDENCE = 800
_NUMBER = re.compile(r"-[0-9]+")
"""A negative number is the one thing with a leading dash that can never be taken for an option."""


def check_arguments(action: str, parameters: Sequence[Parameter], arguments: Mapping[str, str]) -> None:
    """Raises `MisconfiguredError` for the first argument that is unknown, missing or unfit."""
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in arguments.items():
        if name not in known:
            told = ", ".join(sorted(known)) or "none"
            raise MisconfiguredError(f'action "{action}" has no argument "{name}"; it knows: {told}')
        pattern = known[name].pattern
        has_dash = value.startswith("-") and not _NUMBER.fullmatch(value)
        if has_dash or not re.fullmatch(pattern, value):
            raise MisconfiguredError(f'action "{action}": {name} is {value!r:.80}, which does not match {pattern}')
    for parameter in parameters:
        if parameter.required and parameter.name not in arguments:
            raise MisconfiguredError(f'action "{action}" needs the argument "{parameter.name}": {parameter.meaning}')


@contextmanager
def planning(action: str, service: str) -> Iterator[None]:
    """The errors of calls as those that `ports.Action.plan` may raise."""
    try:
        yield
    except (ForbiddenError, NotFoundError, OutcomeUnknownError) as error:
        raise PermanentError(f"cannot plan {action} for {service}: {error}") from error


def succeeded(statement: str, after: Mapping[str, str]) -> Execution:
    return _execution(ExecutionStatus.SUCCEEDED, statement, after)


def failed(statement: str, after: Mapping[str, str] | None = None) -> Execution:
    return _execution(ExecutionStatus.FAILED, statement, after or {})


def unknown(statement: str, after: Mapping[str, str] | None = None) -> Execution:
    return _execution(ExecutionStatus.UNKNOWN, statement, after or {})


def _execution(status: ExecutionStatus, statement: str, after: Mapping[str, str]) -> Execution:
    told = redact(statement)
    if len(told) > _LONGEST_STATEMENT:
        told = redact(f"{told[:_LONGEST_STATEMENT]}…")
    return Execution(status=status, statement=told, after={key: redact(value) for key, value in after.items()})


def evidence(found: Mapping[str, str]) -> dict[str, str]:
    """What was seen right before an action, for `Execution.after`: redacted, bounded, empty values left out."""
    return {f"evidence.{key}": redact(redact(text)[:_LONGEST_EVIDENCE]) for key, text in found.items() if text}


def probed(answer: ProbeAnswer, statement: str) -> ProbeResult:
    return ProbeResult(answer=answer, statement=redact(statement)[:_LONGEST_STATEMENT])


def ask(look: Callable[[], ProbeResult]) -> ProbeResult:
    """The probe's answer; a target that cannot be looked at is UNKNOWN."""
    try:
        return look()
    except RecoverOpsError as error:
        return probed(ProbeAnswer.UNKNOWN, str(error))


class Attempt:
    """One execution on its way: how far it has come, what it found before, and how much time is left."""

    def __init__(self, clock: Clock, *, timeout_s: float) -> None:
        self.clock = clock
        self._timeout_s = timeout_s
        self._deadline = clock.monotonic() + timeout_s
        self._so_far = ""
        self.kept: dict[str, str] = {}
        """Evidence and state for `Execution.after`, also when it fails."""

    def begun(self, so_far: str) -> None:
        """From now on a failure begins with this: "i-1 was stopped, but "."""
        self._so_far = so_far

    def wait(self, seconds: float) -> None:
        """Raises `UnreachableError` when no time is left."""
        left = self._deadline - self.clock.monotonic()
        if left <= 0:
            raise UnreachableError(f"it took longer than {self._timeout_s:.3g} s")
        self.clock.sleep(min(seconds, left))

    def may_wait(self, seconds: float) -> bool:
        """Waits, if there is time for that and for another look; else False, at once."""
        if self._deadline - self.clock.monotonic() <= 2 * seconds:
            return False
        self.clock.sleep(seconds)
        return True

    def run(self, work: Callable[[Attempt], Execution]) -> Execution:
        told = "nothing was done: "
        try:
            return work(self)
        except OutcomeUnknownError as error:
            return unknown(f"{self._so_far}it is not known whether it took effect: {error}", self.kept)
        except RetryableError as error:
            if not self._so_far:
                return failed(f"{told}{error}", self.kept)
            return unknown(f"{self._so_far}it is not known how it ended: {error}", self.kept)
        except RecoverOpsError as error:
            return failed(f"{self._so_far or told}{error}", self.kept)

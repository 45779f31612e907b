"""What the actions of this plugin share in their answers: checked arguments, plans, executions, and a clean failure.

Everything that leaves here is redacted. The state in `Plan.before` is compared with later, so it is never altered: what
looks like a secret in it refuses the plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from recoverops.model import (
    Execution,
    ExecutionStatus,
    MisconfiguredError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Resource,
    Service,
    UnreachableError,
)
from recoverops.ports import Action, Clock, Parameter
from recoverops.redact import redact

_LONGEST_STATEMENT = 1000
_DASH_ALLOWED = re.compile(r"-[0-9]+")
"""A negative number is the one thing with a leading dash that can never be taken for an option by mistake."""


def check_arguments(action: str, parameters: Sequence[Parameter], arguments: Mapping[str, str]) -> None:
    """Raises `MisconfiguredError` for the first argument that is unknown, missing or unfit."""
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in arguments.items():
        if name not in known:
            told = ", ".join(sorted(known)) or "none"
            raise MisconfiguredError(f'action "{action}" has no argument "{name}"; it knows: {told}')
        pattern = known[name].pattern
        has_dash = value.startswith("-") and not _DASH_ALLOWED.fullmatch(value)
        if has_dash or not re.fullmatch(pattern, value):
            raise MisconfiguredError(f'action "{action}": {name} is {value!r:.80}, which does not match {pattern}')
    for parameter in parameters:
        if parameter.required and parameter.name not in arguments:
            raise MisconfiguredError(f'action "{action}" needs the argument "{parameter.name}": {parameter.meaning}')


def planned(
    action: Action,
    service: Service,
    arguments: Mapping[str, str],
    *,
    summary: str,
    before: Mapping[str, str],
    aim: tuple[str, ...],
    listed: tuple[str, ...] = (),
    touches: tuple[Resource, ...] = (),
) -> Plan:
    """`aim` and `listed`: see `model.Plan`. Raises `PermanentError` when the state of before cannot be kept because it
    looks like a secret."""
    for key, value in before.items():
        if redact(value) != value:
            raise PermanentError(
                f'cannot plan {action.name} for {service.name}: its "{key}" contains what looks like a secret and so '
                "cannot be recorded; give it another name"
            )
    return Plan(
        action=action.name,
        effect=action.effect,
        target=service.resource,
        arguments=dict(arguments),
        touches=touches or (service.resource,),
        summary=redact(summary),
        before=before,
        aim=aim,
        listed=listed,
        timeout_s=action.timeout.total_seconds(),
    )


def succeeded(statement: str, after: Mapping[str, str]) -> Execution:
    return _execution(ExecutionStatus.SUCCEEDED, statement, after)


def failed(statement: str, after: Mapping[str, str] | None = None) -> Execution:
    return _execution(ExecutionStatus.FAILED, statement, after or {})


def unknown(statement: str, after: Mapping[str, str] | None = None) -> Execution:
    return _execution(ExecutionStatus.UNKNOWN, statement, after or {})


def _execution(status: ExecutionStatus, statement: str, after: Mapping[str, str]) -> Execution:
    return Execution(
        status=status,
        statement=cut(redact(statement), _LONGEST_STATEMENT),
        after={key: redact(value) for key, value in after.items()},
    )


def cut(text: str, longest: int) -> str:
    """Redacted text, shortened without uncovering what a cut might make look like a secret."""
    return text if len(text) <= longest else redact(f"{text[: longest - 16]}…")


def probed(answer: ProbeAnswer, statement: str) -> ProbeResult:
    return ProbeResult(answer=answer, statement=cut(redact(statement), _LONGEST_STATEMENT))


def ask(look: Callable[[], ProbeResult]) -> ProbeResult:
    """The probe's answer; a target that cannot be looked at is UNKNOWN."""
    try:
        return look()
    except (UnreachableError, PermanentError, MisconfiguredError) as error:
        return probed(ProbeAnswer.UNKNOWN, str(error))
    except OSError as error:
        return probed(ProbeAnswer.UNKNOWN, f"the system refuses to look: {error}")


class Attempt:
    """One execution on its way: how far it has come, what it found before, and how much time is left."""

    def __init__(self, clock: Clock, *, timeout_s: float) -> None:
        self.clock = clock
        self._timeout_s = timeout_s
        self._deadline = clock.monotonic() + timeout_s
        self.has_begun = False
        self.so_far = ""
        """How a sentence about its failure has to begin: "the link was switched, but "."""
        self.kept: dict[str, str] = {}
        """Evidence and state for `Execution.after`, also when it fails."""

    def left_s(self) -> float:
        """Seconds; raises `UnreachableError` when there are none."""
        left = self._deadline - self.clock.monotonic()
        if left <= 0:
            raise UnreachableError(f"it took longer than {self._timeout_s:.3g} s")
        return left

    def begun(self, so_far: str) -> None:
        self.has_begun = True
        self.so_far = so_far

    @property
    def _told(self) -> str:
        return self.so_far if self.has_begun else "nothing was done: "

    def run(self, work: Callable[[Attempt], Execution]) -> Execution:
        try:
            return work(self)
        except (PermanentError, MisconfiguredError) as error:
            return failed(f"{self._told}{error}", self.kept)
        except OSError as error:
            return failed(f"{self._told}the system refuses: {error}", self.kept)
        except UnreachableError as error:
            if not self.has_begun:
                return failed(f"nothing was done: {error}", self.kept)
            return unknown(f"{self.so_far}it is not known how it ended: {error}", self.kept)

"""`LedgerAction`: a double of `ports.Action` whose effect is real and countable, one durable line in a file.

Crash tests count the lines: two lines with one key are an effect that was repeated. A test can have something
called on either side of the effect, such as the end of its own process.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from recoverops.model import (
    EffectClass,
    Execution,
    ExecutionStatus,
    MisconfiguredError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Record,
    Service,
    UnreachableError,
)
from recoverops.ports import Parameter, Permission

ADDRESS = "ledger"
"""The key in a service's address: the path of the append-only file."""

_NOTE = Parameter(
    name="note",
    pattern=r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}",
    meaning="a remark that is written into the line",
    required=False,
)


class LedgerLine(Record, frozen=True, kw_only=True):
    """One effect, as it was found in the file."""

    key: str
    target: str
    note: str


class LedgerAction:
    """Appends one line with fsync. It cannot be undone and changes nothing else."""

    summary = "Appends one line to the service's ledger file (a double for tests)."
    effect = EffectClass.RESTORATIVE
    parameters = (_NOTE,)
    permissions = (Permission(system="file", right="append", why="the line in the ledger is its effect"),)

    def __init__(
        self,
        name: str = "write-ledger",
        *,
        before_effect: Callable[[], None] = lambda: None,
        after_effect: Callable[[], None] = lambda: None,
    ) -> None:
        """The two calls happen inside `execute`, right before and right after the line is durable."""
        self.name = name
        self._before_effect = before_effect
        self._after_effect = after_effect

    @property
    def timeout(self) -> timedelta:
        return timedelta(seconds=5)

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        file = _file_of(service)
        _check_arguments(self.name, arguments)
        lines = _read(file)
        return Plan(
            action=self.name,
            effect=self.effect,
            target=service.resource,
            arguments=dict(arguments),
            touches=(service.resource,),
            summary=f"append a line to the ledger of {service.name} ({len(lines)} lines now)",
            before={"lines": str(len(lines))},
            timeout_s=self.timeout.total_seconds(),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        """Counts the lines of this target since the plan: a ledger has one writer at a time."""
        try:
            since = _read(_file_of(service))[int(plan.before["lines"]) :]
        except (UnreachableError, MisconfiguredError) as error:
            return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=str(error))
        if any(line.target == str(plan.target) for line in since):
            return ProbeResult(answer=ProbeAnswer.DONE, statement=f"{len(since)} lines since the plan")
        return ProbeResult(answer=ProbeAnswer.NOT_DONE, statement="no line since the plan")

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        try:
            file = _file_of(service)
            if any(line.key == idempotency_key for line in _read(file)):
                return Execution(status=ExecutionStatus.SUCCEEDED, statement="not repeated: the key is in the ledger")
            self._before_effect()
            _append(
                file,
                LedgerLine(key=idempotency_key, target=str(plan.target), note=plan.arguments.get("note", "")),
            )
        except (UnreachableError, MisconfiguredError) as error:
            return Execution(status=ExecutionStatus.FAILED, statement=f"nothing was written: {error}")
        self._after_effect()
        return Execution(status=ExecutionStatus.SUCCEEDED, statement="one line was appended")


def ledger_lines(file: Path) -> tuple[LedgerLine, ...]:
    """Every effect so far, oldest first; none when the file does not exist yet."""
    return _read(file)


def _file_of(service: Service) -> Path:
    path = service.address.get(ADDRESS)
    if not path:
        raise MisconfiguredError(f'service "{service.name}" has no address "{ADDRESS}"; give it the path of a file')
    return Path(path)


def _check_arguments(action: str, arguments: Mapping[str, str]) -> None:
    for name, value in arguments.items():
        if name != _NOTE.name:
            raise MisconfiguredError(f'action "{action}" has no parameter "{name}"; it takes "{_NOTE.name}"')
        if not re.fullmatch(_NOTE.pattern, value):
            raise MisconfiguredError(f'action "{action}": {name} is {value!r}, which does not match {_NOTE.pattern}')


def _read(file: Path) -> tuple[LedgerLine, ...]:
    if not file.parent.is_dir():
        raise UnreachableError(f"the directory of the ledger {file} does not exist")
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UnreachableError(f"the ledger {file} cannot be read: {error.strerror}") from error
    whole = text[: text.rfind("\n") + 1]
    return tuple(LedgerLine(**json.loads(line)) for line in whole.splitlines())


def _append(file: Path, line: LedgerLine) -> None:
    """One write and fsync: after a crash the line is there as a whole, or not at all."""
    data = json.dumps({"key": line.key, "target": line.target, "note": line.note}).encode() + b"\n"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreachableError(f"the ledger {file} cannot be written: {error.strerror}") from error

"""The action `run-script`: a script that the settings declare, with arguments that match declared patterns.

Nobody can know what a script does, so it is irreversible and a person approves, always. The journal makes it
effectively once: a ticket per plan is written before the script starts, and its end after. A ticket without an end is
*unknown*, and the script is not started again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from recoverops.model import (
    EffectClass,
    Execution,
    MisconfiguredError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Service,
    UnreachableError,
    digest,
)
from recoverops.plugins.linux.answers import (
    Attempt,
    ask,
    check_arguments,
    failed,
    planned,
    probed,
    succeeded,
    unknown,
)
from recoverops.plugins.linux.commands import Finished, run
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.folders import opened
from recoverops.ports import Clock, Parameter, Permission
from recoverops.redact import redact

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
SCRIPT = "script"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One declared script."""

    name: str
    services: tuple[str, ...]
    command: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    timeout: timedelta
    folder: str
    environment: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables whose values are never shown."""

    def filled(self, arguments: Mapping[str, str]) -> tuple[str, ...]:
        """The argument list; a placeholder is filled in one word and never splits it."""
        return tuple(PLACEHOLDER.sub(lambda match: arguments[match[1]], word) for word in self.command)


class RunScript:
    """Implements `ports.Action`."""

    name = "run-script"
    summary = "Runs a script that the settings declare for the service."
    effect = EffectClass.IRREVERSIBLE

    def __init__(self, scripts: Sequence[Script], *, journal: str, clock: Clock) -> None:
        self._scripts = {script.name: script for script in scripts}
        self._journal = journal
        self._clock = clock
        self.timeout = max(script.timeout for script in scripts) + timedelta(seconds=5)
        self.parameters = _parameters(scripts)
        self.permissions = (
            Permission(
                system="file", right=f"write {journal}", why="to know after a crash whether a script was started"
            ),
            *(
                Permission(system="program", right=f"run {script.command[0]}", why=f"it is the script {script.name}")
                for script in scripts
            ),
        )

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        if not service.address:
            raise MisconfiguredError(
                f'service "{service.name}" has no address, so nothing on this host is known to be its; give it one'
            )
        script = self._script(service, arguments)
        given = {name: value for name, value in arguments.items() if name != SCRIPT}
        check_arguments(f"{self.name} {script.name}", tuple(script.parameters.values()), given)
        words = " ".join(script.filled(given))
        if redact(words) != words:
            raise MisconfiguredError(f"script {script.name}: its arguments look like a secret; use `secrets` instead")
        with opened(self._journal):
            pass
        ticket = digest(service.name, words, self._clock.now().isoformat(), str(self._clock.monotonic()))[:24]
        return planned(
            self,
            service,
            arguments,
            summary=f"run the script {script.name} for {service.name}: {words}",
            before={"ticket": ticket, "command": words},
            aim=("command",),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._probe(plan))

    def _probe(self, plan: Plan) -> ProbeResult:
        ticket = self._read(plan)
        if ticket is None:
            return probed(ProbeAnswer.NOT_DONE, f"{plan.before['command']} was not started")
        if "exit_status" not in ticket:
            return probed(ProbeAnswer.UNKNOWN, f"it was started at {ticket['started']}; nobody saw its end")
        if ticket["exit_status"] == 0:
            return probed(ProbeAnswer.DONE, f"it {ticket['said']}")
        return probed(ProbeAnswer.UNKNOWN, f"it may have done a part: it {ticket['said']}")

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        attempt = Attempt(self._clock, timeout_s=plan.timeout_s)
        return attempt.run(lambda attempt: self._run(plan, service, attempt, idempotency_key))

    def _run(self, plan: Plan, service: Service, attempt: Attempt, key: str) -> Execution:
        script = self._script(service, plan.arguments)
        command = script.filled({name: value for name, value in plan.arguments.items() if name != SCRIPT})
        if " ".join(command) != plan.before.get("command"):
            raise PermanentError(f"the script {script.name} was changed since the plan; plan anew")
        ticket = {"command": plan.before["command"], "key": redact(key), "started": self._clock.now().isoformat()}
        if not self._open_ticket(plan, ticket):
            return self._repeated(plan)
        attempt.begun(f"{script.name} was started, but ")
        attempt.kept = evidence(service)
        try:
            done = run(
                command,
                clock=self._clock,
                timeout_s=min(script.timeout.total_seconds(), attempt.left_s()),
                environment={**script.environment, **script.secrets, "RECOVEROPS_KEY": key},
                folder=script.folder,
                secrets=tuple(script.secrets.values()),
            )
        except PermanentError as error:
            done = Finished(127, str(error))
        self._close_ticket(plan, {**ticket, "exit_status": done.exit_status, "said": done.statement})
        attempt.kept |= {"exit_status": str(done.exit_status), "output": done.output}
        if done.is_good:
            return succeeded(f"{script.name} {done.statement}", attempt.kept)
        answer = unknown if done.exit_status is None else failed
        return answer(f"{script.name} {done.statement}", attempt.kept)

    def _repeated(self, plan: Plan) -> Execution:
        found = self._probe(plan)
        if found.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {found.statement}", {})
        return unknown(f"not repeated: {found.statement}")

    def _script(self, service: Service, arguments: Mapping[str, str]) -> Script:
        script = self._scripts.get(arguments.get(SCRIPT, ""))
        if script is None or service.name not in script.services:
            names = [one.name for one in self._scripts.values() if service.name in one.services]
            raise MisconfiguredError(
                f'the script {arguments.get(SCRIPT)!r} is not declared for service "{service.name}"; declared are: '
                f"{', '.join(names) or 'none'}"
            )
        return script

    def _file(self, plan: Plan) -> str:
        return f"{re.sub('[^0-9a-f]', '', plan.before.get('ticket', ''))}.json"

    def _read(self, plan: Plan) -> dict[str, Any] | None:
        with opened(self._journal) as folder:
            try:
                file = os.open(self._file(plan), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise UnreachableError(f"the journal {self._journal} cannot be read: {error.strerror}") from error
            with os.fdopen(file, "rb") as reading:
                return _plain(reading.read(65536))

    def _open_ticket(self, plan: Plan, ticket: Mapping[str, object]) -> bool:
        """False when there is one already."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return self._write(lambda folder: os.open(self._file(plan), flags, 0o600, dir_fd=folder), ticket)

    def _close_ticket(self, plan: Plan, ticket: Mapping[str, object]) -> None:
        new = f"{self._file(plan)}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._write(lambda folder: os.open(new, flags, 0o600, dir_fd=folder), ticket)
        with opened(self._journal) as folder:
            os.rename(new, self._file(plan), src_dir_fd=folder, dst_dir_fd=folder)

    def _write(self, open_it: Callable[[int], int], ticket: Mapping[str, object]) -> bool:
        with opened(self._journal) as folder:
            try:
                with os.fdopen(open_it(folder), "w", encoding="utf-8") as out:
                    json.dump(ticket, out)
                    out.flush()
                    os.fsync(out.fileno())
                os.fsync(folder)
            except FileExistsError:
                return False
            except OSError as error:
                raise UnreachableError(f"the journal {self._journal} cannot be written: {error.strerror}") from error
        return True


def _plain(data: bytes) -> dict[str, Any]:
    """A ticket that was cut off by a crash says that it was started, and nothing else."""
    try:
        plain = json.loads(data)
    except ValueError:
        plain = None
    return plain if isinstance(plain, dict) and "started" in plain else {"started": "an unknown time"}


def _parameters(scripts: Sequence[Script]) -> tuple[Parameter, ...]:
    """`script`, and every placeholder of every script; which script takes which is checked by the plan."""
    choice = Parameter(
        name=SCRIPT,
        pattern="|".join(re.escape(script.name) for script in scripts),
        meaning="the declared script to run",
    )
    known: dict[str, Parameter] = {}
    for script in scripts:
        for name, parameter in script.parameters.items():
            other = known.get(name)
            pattern = parameter.pattern if other is None else f"(?:{other.pattern})|(?:{parameter.pattern})"
            known[name] = Parameter(name=name, pattern=pattern, meaning=parameter.meaning, required=False)
    return (choice, *known.values())

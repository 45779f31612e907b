"""The action `free-disk`: remove declared files of a service, and empty those that are open if they are declared as
logs.

Nothing brings them back, so a person approves, always. An open file is never removed: that would free nothing and hide
it. What was freed is read from the file system before and after, because others write meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, planned, probed, succeeded
from recoverops.plugins.linux.evidence import disk_of, evidence
from recoverops.plugins.linux.folders import OpenFiles, free_bytes
from recoverops.plugins.linux.spare_files import (
    Chosen,
    Folders,
    SpareFiles,
    allowed_by,
    choose,
    declared,
    read_back,
    summary_of,
    written,
)
from recoverops.ports import Clock, Parameter, Permission

REMOVES = Permission(system="file", right="write the declared folders", why="to remove files from them")
SEES_OPEN_FILES = Permission(
    system="capability", right="CAP_SYS_PTRACE, or CAP_LEASE", why="to see which files are open, and leave them alone"
)


class FreeDisk:
    """Implements `ports.Action`. Takes the declarations without a quarantine."""

    name = "free-disk"
    summary = "Removes old files from the declared folders of the service, and empties its open logs."
    effect = EffectClass.IRREVERSIBLE
    parameters: tuple[Parameter, ...] = ()
    permissions = (REMOVES, SEES_OPEN_FILES)

    def __init__(self, rules: Sequence[SpareFiles], *, clock: Clock, timeout: timedelta) -> None:
        self._rules = tuple(rule for rule in rules if rule.quarantine is None)
        self._clock = clock
        self.timeout = timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        rules = declared(self.name, service, self._rules)
        choice = choose(rules, now=self._clock.now())
        chosen = choice.chosen
        if not chosen:
            raise PermanentError(f"nothing to free for {service.name}: {choice.told}")
        return planned(
            self,
            service,
            arguments,
            summary=f"remove for ever, for {service.name}: {summary_of(chosen, rules)}",
            before={"files": written(chosen), "allowed": allowed_by(rules), "disk": disk_of(service)},
            aim=("allowed",),
            listed=("files",),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._probe(plan, service))

    def _probe(self, plan: Plan, service: Service) -> ProbeResult:
        chosen = read_back(plan)
        with Folders(declared(self.name, service, self._rules)) as folders:
            left = [one for one in chosen if folders.is_unchanged(one)]
        if left:
            return probed(ProbeAnswer.NOT_DONE, f"{len(left)} of {len(chosen)} files are still there as planned")
        return probed(ProbeAnswer.DONE, f"none of the {len(chosen)} files is there as planned")

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(lambda attempt: self._free(plan, service, attempt))

    def _free(self, plan: Plan, service: Service, attempt: Attempt) -> Execution:
        chosen = read_back(plan)
        with Folders(declared(self.name, service, self._rules)) as folders:
            left = [one for one in chosen if folders.is_unchanged(one)]
            if not left:
                return succeeded(f"not repeated: none of the {len(chosen)} files is there as planned", {})
            attempt.kept = evidence(service)
            before = free_bytes(folders.of(left[0]))
            done, kept = self._remove(left, folders, attempt)
            freed = free_bytes(folders.of(left[0])) - before
        expected = sum(one.found.allocated for one in done)
        attempt.kept |= {"freed_bytes": str(freed), "expected_bytes": str(expected), "files": str(len(done))}
        more = f"; {kept} files came into use and were left alone" if kept else ""
        if not done:
            raise PermanentError(f"all {kept} files came into use; nothing was removed")
        return succeeded(
            f"{len(done)} files gone; the file system has {freed} bytes more, {expected} were expected{more}",
            attempt.kept,
        )

    def _remove(self, left: Sequence[Chosen], folders: Folders, attempt: Attempt) -> tuple[list[Chosen], int]:
        done: list[Chosen] = []
        in_use = OpenFiles()
        for one in left:
            attempt.left_s()
            is_open = in_use.has(folders.of(one), one.found)
            if is_open and not one.is_open:
                continue
            attempt.begun(f"{len(done)} files are gone, but ")
            (_empty if one.is_open else _unlink)(one, folders.of(one))
            done.append(one)
        return done, len(left) - len(done)


def _unlink(one: Chosen, folder: int) -> None:
    try:
        os.unlink(one.found.name, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PermanentError(f"{one.found.name} cannot be removed: {error.strerror}") from error


def _empty(one: Chosen, folder: int) -> None:
    """Truncates the very file of the plan, not one that has taken its name."""
    try:
        file = os.open(one.found.name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise PermanentError(f"{one.found.name} cannot be opened: {error.strerror}") from error
    try:
        status = os.fstat(file)
        if (status.st_dev, status.st_ino) == one.found.key and status.st_nlink == 1:
            os.ftruncate(file, 0)
    finally:
        os.close(file)

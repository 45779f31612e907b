"""systemd through its own `systemctl`: look, start, stop, restart, with sentences for every refusal.

Used by the actions and the source for units. Changes are queued with `--no-block` and then watched: how a unit fares
is read from the unit, and a call that is given up never leaves a half-known job behind. Raises `PermanentError` for
what systemd refuses, `UnreachableError` when it does not answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from recoverops.model import MisconfiguredError, PermanentError, Service, UnreachableError
from recoverops.plugins.linux.answers import Attempt
from recoverops.plugins.linux.commands import Finished, run
from recoverops.plugins.linux.procfs import Stat, scan
from recoverops.plugins.linux.units import PROPERTIES, Unit, unit_name, units_of
from recoverops.ports import Clock, Permission

_LOOK_AGAIN_S = 0.1
_SHOWN_BYTES = 4 * 2**20
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
_DENIED = re.compile(
    r"access denied|authentication (is )?required|a password is required|not allowed to", re.IGNORECASE
)
_START_LIMIT = "start-limit-hit"


class Systemctl:
    """Thread-safe; bounded in time by `timeout`, and by the attempt that asks."""

    def __init__(self, program: str, *, sudo: str | None, clock: Clock, timeout: timedelta) -> None:
        self._program = program
        self._sudo = sudo
        self._clock = clock
        self._timeout_s = timeout.total_seconds()
        self._own_unit = own_unit()

    def look(self, name: str, *, within_s: float | None = None) -> Unit:
        return self.all((name,), within_s=within_s)[name]

    def look_at(self, service: Service) -> Unit:
        """Raises `MisconfiguredError` for RecoverOps' own unit, `PermanentError` for one that is not there."""
        name = unit_name(service)
        if name == self._own_unit:
            raise MisconfiguredError(f'service "{service.name}": {name} is RecoverOps itself; it never acts on that')
        unit = self.look(name)
        if unit.load == "masked":
            raise PermanentError(f"{name} is masked; `systemctl unmask {name}` if it is meant to run")
        if unit.load != "loaded":
            raise PermanentError(f'systemd has no usable {name} ({unit.load}); check the address of "{service.name}"')
        if unit.is_silent:
            raise PermanentError(unit.why_silent)
        return unit

    def all(self, names: Sequence[str], *, within_s: float | None = None) -> Mapping[str, Unit]:
        """These units, by one call."""
        wanted = tuple(dict.fromkeys(names))
        timeout_s = self._timeout_s if within_s is None else min(within_s, self._timeout_s)
        command = (self._program, "show", f"--property={','.join(PROPERTIES)}", "--", *wanted)
        done = self._run(command, timeout_s)
        if not done.is_good:
            raise UnreachableError(f"systemd does not say how its units are: {self._program} {done.statement}")
        return units_of(done.text, wanted)

    def tree_of(self, unit: Unit) -> tuple[Stat, ...]:
        return scan().tree(unit.pid) if unit.pid else ()

    def start(self, name: str, attempt: Attempt) -> Unit:
        """Settled when it returns, which is not always alive."""
        self._clear_start_limit(name, attempt)
        return self._change("start", name, attempt)

    def restart(self, name: str, attempt: Attempt) -> Unit:
        self._clear_start_limit(name, attempt)
        return self._change("restart", name, attempt)

    def stop(self, name: str, attempt: Attempt) -> Unit:
        return self._change("stop", name, attempt)

    def _clear_start_limit(self, name: str, attempt: Attempt) -> None:
        """A unit that was started too often is not started by anybody until it is told that this is over."""
        if self.look(name, within_s=attempt.left_s()).result == _START_LIMIT:
            self._tell("reset-failed", name, attempt)

    def _change(self, verb: str, name: str, attempt: Attempt) -> Unit:
        attempt.so_far = f"systemd was told to {verb} {name}, but "
        self._tell(verb, name, attempt)
        while (unit := self.look(name, within_s=attempt.left_s())).is_moving:
            attempt.clock.sleep(min(_LOOK_AGAIN_S, attempt.left_s()))
        return unit

    def _tell(self, verb: str, name: str, attempt: Attempt) -> None:
        command = changing(self._program, verb, name, sudo=self._sudo)
        done = self._run(command, attempt.left_s())
        if done.exit_status is None:
            attempt.has_begun = True
            raise UnreachableError(f"{' '.join(command)} {done.statement}")
        if not done.is_good:
            way_out = "; see the polkit rule or the sudoers line in docs/security.md" if _is_denied(done) else ""
            raise PermanentError(f"{' '.join(command)} {done.statement}{way_out}")
        attempt.has_begun = True

    def _run(self, command: Sequence[str], timeout_s: float) -> Finished:
        try:
            return run(command, clock=self._clock, timeout_s=timeout_s, environment=_ENVIRONMENT, kept=_SHOWN_BYTES)
        except PermanentError as error:
            raise UnreachableError(f"{error}; is this a host with systemd?") from error


def changing(program: str, verb: str, name: str, *, sudo: str | None) -> tuple[str, ...]:
    """The argument list of a change, always in this order, so that a sudoers line can name it whole."""
    before = () if sudo is None else (sudo, "-n", "--")
    return (*before, program, "--no-block", "--no-ask-password", verb, "--", name)


def permissions(
    names: Sequence[str], verbs: Sequence[str], *, program: str, sudo: str | None, why: str
) -> tuple[Permission, ...]:
    """What an action needs for each unit: a polkit right, or the very lines of sudoers."""
    if sudo is None:
        told = ", ".join(verbs)
        return tuple(
            Permission(system="polkit", right=f"org.freedesktop.systemd1.manage-units: {told} of {name}", why=why)
            for name in names
        )
    return tuple(
        Permission(
            system="sudoers",
            right=f"recoverops ALL=(root) NOPASSWD: {_sudoers(changing(program, verb, name, sudo=None))}",
            why=why,
        )
        for name in names
        for verb in verbs
    )


def _sudoers(command: Sequence[str]) -> str:
    """Backslash, comma, colon and equals sign are written with a backslash in sudoers."""
    return " ".join(re.sub(r"([\\,:=])", r"\\\1", word) for word in command)


def own_unit() -> str:
    """The unit that RecoverOps runs in; empty when there is none."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = [part for line in lines for part in line.rpartition(":")[2].split("/") if part.endswith(".service")]
    return found[-1] if found else ""


def _is_denied(done: Finished) -> bool:
    return done.exit_status == 4 or _DENIED.search(done.output) is not None

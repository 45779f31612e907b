"""The action `rotate-logs`: put the service's log aside and let it begin anew. Nothing is deleted.

`copytruncate` writes a compressed copy beside the log and then empties the log; lines that are written between the last
read and the emptying are lost, as with every tool that does it this way. `reopen` renames the log and sends the signal
on which the program opens it again; a program that does not catch that signal would die of it, so it is refused.
"""

from __future__ import annotations

import gzip
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

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
)
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, planned, probed, succeeded
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.folders import Found, free_bytes, look, opened
from recoverops.plugins.linux.supervised import LOOKS, Supervised
from recoverops.ports import Clock, Parameter, Permission

ADDRESS = "log"
_PIECE = 2**20
_LOOK_AGAIN_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How one service's log is rotated."""

    service: str
    reopen_signal: str | None = None
    """`USR1`, `HUP`, ...; None copies and truncates."""


class RotateLogs:
    """Implements `ports.Action`."""

    name = "rotate-logs"
    summary = "Puts the service's log file aside, compressed or renamed, and lets it begin anew."
    effect = EffectClass.RESTORATIVE
    parameters: tuple[Parameter, ...] = ()
    permissions = (
        Permission(system="file", right="write the log's folder", why="to put the log aside and to empty it"),
        LOOKS,
    )

    def __init__(
        self,
        supervised: Supervised | None,
        rotations: Sequence[Rotation],
        *,
        clock: Clock,
        timeout: timedelta,
    ) -> None:
        self._supervised = supervised
        self._rotations = {rotation.service: rotation for rotation in rotations}
        self._clock = clock
        self.timeout = timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        folder_name, name = place_of(service)
        rotation = self._rotation(service)
        with opened(folder_name) as folder:
            found = _log(folder, name, folder_name)
            if found.size == 0:
                raise PermanentError(f"nothing to rotate: {folder_name}/{name} of {service.name} is empty")
        if rotation.reopen_signal is not None:
            self._main_pid(service, rotation.reopen_signal)
        ending = "" if rotation.reopen_signal else ".gz"
        archive = f"{name}.{self._clock.now():%Y%m%dT%H%M%SZ}{ending}"
        how = f"renamed, then SIG{rotation.reopen_signal}" if rotation.reopen_signal else "copied, then emptied"
        return planned(
            self,
            service,
            arguments,
            summary=f"rotate the log of {service.name}: {folder_name}/{name} ({found.size} bytes, {how})",
            before={
                "log": f"{folder_name}/{name}",
                "inode": str(found.inode),
                "size": str(found.size),
                "archive": archive,
            },
            aim=("log",),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._probe(plan, service))

    def _probe(self, plan: Plan, service: Service) -> ProbeResult:
        folder_name, name = place_of(service)
        with opened(folder_name) as folder:
            archive, log = look(folder, plan.before["archive"]), look(folder, name)
        if archive is None:
            return probed(ProbeAnswer.NOT_DONE, f"{folder_name}/{name} has not been put aside")
        if log is None or _is_as_before(log, plan):
            return probed(ProbeAnswer.NOT_DONE, f"{folder_name}/{name} was put aside, but has not begun anew")
        return probed(
            ProbeAnswer.DONE, f"{folder_name}/{name} began anew ({log.size} bytes); kept as {plan.before['archive']}"
        )

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(lambda attempt: self._rotate(plan, service, attempt))

    def _rotate(self, plan: Plan, service: Service, attempt: Attempt) -> Execution:
        folder_name, name = place_of(service)
        rotation, archive = self._rotation(service), plan.before["archive"]
        found = self._probe(plan, service)
        if found.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {found.statement}", {"archive": f"{folder_name}/{archive}"})
        attempt.kept = {**evidence(service), "archive": f"{folder_name}/{archive}"}
        with opened(folder_name) as folder:
            before = free_bytes(folder)
            if rotation.reopen_signal is not None:
                self._reopen(folder, name, archive, service, rotation.reopen_signal, attempt)
            else:
                log = _log(folder, name, folder_name)
                if not _is_as_before(log, plan):
                    raise PermanentError(f"{folder_name}/{name} has been rotated by somebody else since; plan anew")
                _copy_and_empty(folder, name, archive, attempt)
            freed = free_bytes(folder) - before
        attempt.kept["freed_bytes"] = str(freed)
        return succeeded(
            f"{folder_name}/{name} began anew; {plan.before['size']} bytes are kept as {archive}, the file system has "
            f"{freed} bytes more",
            attempt.kept,
        )

    def _reopen(self, folder: int, name: str, archive: str, service: Service, number: str, attempt: Attempt) -> None:
        pid = self._main_pid(service, number)
        if look(folder, archive) is None:
            try:
                os.rename(name, archive, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError as error:
                raise PermanentError(f"{name} cannot be renamed: {error.strerror}") from error
        attempt.begun(f"{name} was renamed to {archive}, but ")
        try:
            os.kill(pid, signal.Signals[f"SIG{number}"])
        except (ProcessLookupError, PermissionError) as error:
            _put_back(folder, name, archive)
            raise PermanentError(f"process {pid} cannot be signalled ({error.strerror}); the log is back") from error
        while look(folder, name) is None:
            try:
                attempt.clock.sleep(min(_LOOK_AGAIN_S, attempt.left_s()))
            except UnreachableError:
                _put_back(folder, name, archive)
                raise PermanentError(
                    f"process {pid} did not open {name} again after SIG{number}; it was given its name back"
                ) from None

    def _rotation(self, service: Service) -> Rotation:
        return self._rotations.get(service.name, Rotation(service=service.name))

    def _main_pid(self, service: Service, number: str) -> int:
        """Raises `PermanentError` when it does not run, or would die of the signal."""
        if self._supervised is None:
            raise MisconfiguredError(
                f"rotate_logs: {service.name} is to be signalled, which needs `supervisor` settings"
            )
        process = self._supervised.look_at(service)
        if not self._supervised.tree_of(process):
            raise PermanentError(f"{process.name} is {process.statement}; nobody would open the log again")
        if not catches(process.pid, signal.Signals[f"SIG{number}"]):
            raise PermanentError(
                f"process {process.pid} of {service.name} does not catch SIG{number} and would die of it; correct "
                "`rotate_logs`, or leave `signal` out to copy and truncate"
            )
        return process.pid


def place_of(service: Service) -> tuple[str, str]:
    """Folder and name of its log. Raises `MisconfiguredError`."""
    address = service.address.get(ADDRESS)
    if address is None or not address.startswith("/") or address.endswith("/"):
        raise MisconfiguredError(
            f'service "{service.name}" needs an address "{ADDRESS}" that is the path of its log file, e.g. '
            f"/var/log/{service.name}.log; it is {address!r}"
        )
    path = Path(address)
    return str(path.parent), path.name


def catches(pid: int, number: signal.Signals) -> bool:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")), 0)
    return bool(caught >> (number - 1) & 1)


def _log(folder: int, name: str, folder_name: str) -> Found:
    found = look(folder, name)
    if found is None:
        raise UnreachableError(f"{folder_name}/{name} is not there, is a link, or has a second name")
    return found


def _is_as_before(log: Found, plan: Plan) -> bool:
    return str(log.inode) == plan.before["inode"] and log.size >= int(plan.before["size"])


def _copy_and_empty(folder: int, name: str, archive: str, attempt: Attempt) -> None:
    """The copy gets its name when it is whole and on the disk; only then is the log emptied."""
    unfinished = f".{archive}.unfinished"
    with suppress(FileNotFoundError):
        os.unlink(unfinished, dir_fd=folder)
    try:
        log = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            mode = os.fstat(log).st_mode & 0o777
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(unfinished, flags, mode, dir_fd=folder), "wb") as out:
                with gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=3, mtime=0) as packed:
                    while piece := os.read(log, _PIECE):
                        attempt.left_s()
                        packed.write(piece)
                out.flush()
                os.fsync(out.fileno())
            os.rename(unfinished, archive, src_dir_fd=folder, dst_dir_fd=folder)
            attempt.begun(f"{name} was copied to {archive}, but ")
            os.ftruncate(log, 0)
        finally:
            os.close(log)
    except (OSError, UnreachableError) as error:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=folder)
        told = error.strerror if isinstance(error, OSError) else str(error)
        raise PermanentError(f"{name} cannot be copied and emptied: {told}") from error


def _put_back(folder: int, name: str, archive: str) -> None:
    """Unless the program has opened its log meanwhile."""
    if look(folder, name) is None:
        with suppress(OSError):
            os.rename(archive, name, src_dir_fd=folder, dst_dir_fd=folder)

"""A double of systemd for tests where none runs: real unit files, real processes, and a `systemctl` to call.

`running_systemd` writes the units, starts the manager (`systemd_manager`) and hands over where its `systemctl` is. It
is a double, and named so wherever it is used; the unit files are to be checked with the real `systemd-analyze verify`.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from recoverops.clock import SystemClock
from recoverops.model import UnreachableError
from recoverops.testing.systemd_manager import MARK

_READY_S = 20.0
_END_S = 10.0
_LOOK_AGAIN_S = 0.02
_CALL_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Systemd:
    """A running double."""

    systemctl: Path
    """The program, as the linux plugin's setting wants it."""
    units: Path
    """The folder of the unit files; they are read anew at each call."""
    pid: int
    """Of the manager."""
    socket: Path

    def call(self, *words: str) -> str:
        """Its output; raises `UnreachableError` with its errors when it fails."""
        done = subprocess.run(  # noqa: S603 - our own program, and words that no outsider gives
            [str(self.systemctl), *words], capture_output=True, text=True, timeout=_CALL_S, check=False
        )
        if done.returncode != 0:
            raise UnreachableError(f"systemctl {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def show(self, unit: str) -> dict[str, str]:
        lines = self.call("show", "--", unit).splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines) if name}

    def start(self, unit: str) -> None:
        self.call("start", "--", unit)

    def stop(self, unit: str) -> None:
        self.call("stop", "--", unit)

    def wait_for(self, unit: str, *states: str, timeout_s: float = 10.0) -> dict[str, str]:
        """What is shown once it is in one of the states; raises `UnreachableError` when it stays out."""
        shown: dict[str, str] = {}

        def is_there() -> bool:
            shown.update(self.show(unit))
            return shown["ActiveState"] in states

        if not _within(timeout_s, is_there):
            raise UnreachableError(
                f"{unit} is {shown.get('ActiveState')} after {timeout_s} s, expected {' or '.join(states)}"
            )
        return shown

    @contextmanager
    def gone(self) -> Iterator[None]:
        """As on a host without systemd; the processes of the units go on."""
        elsewhere = self.socket.with_suffix(".gone")
        self.socket.rename(elsewhere)
        try:
            yield
        finally:
            elsewhere.rename(self.socket)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes calls and answers none."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@contextmanager
def running_systemd(directory: Path, units: Mapping[str, str]) -> Iterator[Systemd]:
    """`units`: file name -> content. Nothing is started; leaves no process behind."""
    folder = directory / "units"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in units.items():
        (folder / name).write_text(text, encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="rops-", dir="/tmp") as short:
        socket = Path(short) / "bus"
        with (directory / "manager.log").open("ab") as output:
            manager = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-m", "recoverops.testing.systemd_manager", str(folder), str(socket)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        systemd = Systemd(systemctl=_program(directory, socket), units=folder, pid=manager.pid, socket=socket)
        try:
            if (
                not _within(_READY_S, lambda: manager.poll() is not None or socket.exists())
                or manager.poll() is not None
            ):
                said = (directory / "manager.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise UnreachableError(f"the systemd double did not get ready in {directory}; it said: {said}")
            yield systemd
        finally:
            _end(manager, str(socket))


def _program(directory: Path, socket: Path) -> Path:
    path = directory / "systemctl"
    client = Path(__file__).with_name("systemctl.py")
    words = [sys.executable, "-I", "-S", str(client), str(socket)]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def _end(manager: subprocess.Popen[bytes], mark: str) -> None:
    manager.terminate()
    with suppress(ProcessLookupError):
        os.kill(manager.pid, signal.SIGCONT)
    try:
        manager.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        manager.kill()
        manager.wait(timeout=_END_S)
    _within(_END_S, lambda: not _kill_leftovers(mark))


def _kill_leftovers(mark: str) -> bool:
    """Kills every process that this double started; True when there was one."""
    wanted, found = f"{MARK}={mark}".encode(), False
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                found = True
    return found


def _within(seconds: float, is_so: Callable[[], bool]) -> bool:
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    while not is_so():
        if clock.monotonic() > deadline:
            return False
        clock.sleep(_LOOK_AGAIN_S)
    return True

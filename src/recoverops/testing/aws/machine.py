"""One "instance" of the double: a folder, real processes as its services, and scripts that really run in it.

A folder is no jail: a script runs as the user of the test, with the folder as its home, a cleaned environment, and a
limit of time and of output. `systemctl` inside is a double, which asks the machine here to start and stop its units.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LONGEST_OUTPUT, _LONGEST_ERROR = 24_000, 8_000
"""Characters that Run Command returns."""
_STOP_WITHIN_S = 2.0
_NOT_RUNNING, _NO_SUCH_UNIT = 3, 5
"""Exit codes of systemctl."""
_REAPER = """read -r _; while read -r group; do kill -KILL "-$group"; done < groups"""
"""Waits for the end of this process, however it ends, and kills the services that are left."""
_SYSTEMCTL = """#!{python} -IS
import json, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({socket!r})
    door.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    code, told = json.loads(door.makefile().readline())
print(told) if told else None
sys.exit(code)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of a script."""

    code: int
    output: str
    error: str
    is_timed_out: bool = False


class Machine:
    """Thread-safe. `close` ends everything that it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.is_reachable = True
        """Whether its agent answers; if not, commands wait for it until their time is over."""
        self._lock = threading.RLock()
        self._units: dict[str, tuple[str, ...]] = {}
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        self._scripts: set[subprocess.Popen[str]] = set()
        for name in ("bin", "tmp", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "groups").touch()
        self._reaper = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _REAPER],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._socket = self._open()

    def install(self, unit: str, command: Sequence[str], *, start: bool = True) -> None:
        """A unit such as `checkout.service`, and the command that is its process."""
        with self._lock:
            self._units[unit] = tuple(command)
            if start:
                self.start(unit)

    @property
    def units(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._units)

    def remove(self, unit: str) -> None:
        self.stop(unit)
        with self._lock:
            self._units.pop(unit, None)

    def start(self, unit: str) -> None:
        with self._lock:
            if not self.is_active(unit):
                with (self.folder / "log" / unit).open("ab") as log:
                    self._services[unit] = subprocess.Popen(  # noqa: S603
                        self._units[unit],
                        cwd=self.folder,
                        env=self._environment(),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                self._note_groups()

    def stop(self, unit: str) -> None:
        with self._lock:
            process = self._services.pop(unit, None)
        if process is not None:
            _end(process, gently=True)
            self._note_groups()

    def kill(self, unit: str) -> None:
        """As the kernel would when memory is short: the unit is not told."""
        with self._lock:
            process = self._services[unit]
        _end(process, gently=False)

    def is_active(self, unit: str) -> bool:
        with self._lock:
            process = self._services.get(unit)
            return process is not None and process.poll() is None

    def pid(self, unit: str) -> int:
        """0 while it does not run."""
        with self._lock:
            return self._services[unit].pid if self.is_active(unit) else 0

    def run(self, script: str, *, timeout_s: float, variables: Mapping[str, str] | None = None) -> Ran:
        """The script, by `sh`, to its end or to the end of its time; then its whole group of processes is killed."""
        with self._lock:
            process = subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-c", script],
                cwd=self.folder,
                env={**self._environment(), **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._scripts.add(process)
        assert process.stdout is not None
        assert process.stderr is not None
        output, error = _Kept(process.stdout, _LONGEST_OUTPUT), _Kept(process.stderr, _LONGEST_ERROR)
        is_timed_out = False
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            is_timed_out = True
            _end(process, gently=False)
        finally:
            with self._lock:
                self._scripts.discard(process)
        code = process.wait(_STOP_WITHIN_S)
        return Ran(code=code, output=output.text(), error=error.text(), is_timed_out=is_timed_out)

    def end_scripts(self) -> None:
        """Kill what runs now, as `CancelCommand` does."""
        with self._lock:
            running = tuple(self._scripts)
        for process in running:
            _end(process, gently=False)

    def close(self) -> None:
        self._socket.close()
        self.end_scripts()
        for unit in tuple(self._services):
            self.stop(unit)
        self._reaper.communicate()

    def _note_groups(self) -> None:
        """For the reaper: what runs now."""
        with self._lock:
            running = [one.pid for one in self._services.values() if one.poll() is None]
            (self.folder / "groups").write_text("".join(f"{one}\n" for one in running))

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
        }

    def _open(self) -> socket.socket:
        door = socket.socket(socket.AF_UNIX)
        path = self.folder / "systemd.sock"
        door.bind(str(path))
        door.listen()
        client = self.folder / "bin" / "systemctl"
        client.write_text(_SYSTEMCTL.format(python=sys.executable, socket=str(path)))
        client.chmod(0o700)
        threading.Thread(target=self._serve, args=(door,), name=f"machine-{self.folder.name}", daemon=True).start()
        return door

    def _serve(self, door: socket.socket) -> None:
        with suppress(OSError):  # closed: the machine is gone
            while True:
                caller, _ = door.accept()
                with suppress(OSError, ValueError), caller, caller.makefile() as lines:  # killed while it asks
                    answer = self._systemctl(json.loads(lines.readline()))
                    caller.sendall(json.dumps(answer).encode() + b"\n")

    def _systemctl(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Exit code and output of the verbs that our documents use; any other is refused."""
        words = [one for one in arguments if not one.startswith("-")]
        if len(words) != 2 or words[0] not in {"start", "stop", "restart", "is-active", "show"}:
            return 1, f"the double of systemctl does not know: {' '.join(arguments)}"
        verb, unit = words
        if unit not in self._units:
            return _NO_SUCH_UNIT, f"Unit {unit} not found."
        if verb in {"stop", "restart"}:
            self.stop(unit)
        if verb in {"start", "restart"}:
            self.start(unit)
        is_active = self.is_active(unit)
        if verb == "show":
            return 0, f"MainPID={self.pid(unit)}\nActiveState={'active' if is_active else 'inactive'}"
        if verb == "is-active":
            return (0, "active") if is_active else (_NOT_RUNNING, "inactive")
        return 0, ""


class _Kept:
    """The beginning of what a script says; the rest is read and thrown away, so that it does not have to wait."""

    def __init__(self, stream: IO[str], longest: int) -> None:
        self._stream = stream
        self._longest = longest
        self._text = ""
        self._thread = threading.Thread(target=self._read, name="script-output", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Also when a process that the script left behind still has the stream open."""
        self._thread.join(_STOP_WITHIN_S)
        return self._text

    def _read(self) -> None:
        with self._stream:
            for line in iter(lambda: self._stream.readline(self._longest), ""):
                self._text += line[: self._longest - len(self._text)]


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str], *, gently: bool) -> None:
    """The process and its group. One that was asked in vain is killed."""
    signals = (signal.SIGTERM, signal.SIGKILL) if gently else (signal.SIGKILL,)
    for one in signals:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, one)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_WITHIN_S)
            return

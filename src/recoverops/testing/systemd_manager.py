"""The manager of the systemd double: supervises the processes of real unit files, and answers its `systemctl`.

Started by `running_systemd` as a process of its own. It does start, stop, restart, reset-failed and show, with jobs,
invocation ids, automatic restarts and the start limit as systemd 252 has them; a process group stands in for the
control group. It knows no dependencies between units.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError
from recoverops.testing.systemd_units import UnitFile, read_unit

MARK = "RECOVEROPS_SYSTEMD_DOUBLE"
"""A variable in the environment of every process that it starts: the manager's socket."""
_EXEC_FAILED = 203
_CLOCK = SystemClock()


@dataclass(slots=True)
class Unit:
    """One unit as it is now, in systemd's own words."""

    name: str
    load: str = "loaded"
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    pid: int = 0
    code: int = 0
    status: int = 0
    invocation: str = ""
    entered_us: int = 0
    left_us: int = 0
    jobs: list[int] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None
    watcher: asyncio.Task[None] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def be(self, active: str, sub: str, result: str = "success") -> None:
        now = int(_CLOCK.monotonic() * 1e6)
        if active == "active":
            self.entered_us = now
        elif active in {"inactive", "failed"} and self.active not in {"inactive", "failed"}:
            self.left_us = now
        self.active, self.sub, self.result = active, sub, result

    @property
    def shown(self) -> dict[str, str]:
        return {
            "Id": self.name,
            "Names": self.name,
            "LoadState": self.load,
            "ActiveState": self.active,
            "SubState": self.sub,
            "Result": self.result,
            "Type": "simple",
            "MainPID": str(self.pid),
            "ExecMainCode": str(self.code),
            "ExecMainStatus": str(self.status),
            "InvocationID": self.invocation,
            "ActiveEnterTimestampMonotonic": str(self.entered_us),
            "InactiveEnterTimestampMonotonic": str(self.left_us),
            **({"Job": str(self.jobs[0])} if self.jobs else {}),
        }


class Manager:
    """One directory of unit files. Everything runs on one loop."""

    def __init__(self, units: Path, mark: str) -> None:
        self._folder = units
        self._mark = mark
        self._units: dict[str, Unit] = {}
        self._jobs = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, words: list[str]) -> tuple[int, str, str]:
        """Exit status, output and errors of one call of systemctl."""
        options = [word for word in words[: words.index("--")] if word.startswith("-")] if "--" in words else []
        rest = [word for word in words if not word.startswith("-")]
        if "--" not in words or len(rest) < 2:
            return 1, "", "the systemd double wants: systemctl [OPTION...] COMMAND -- UNIT...\n"
        verb, *names = rest
        if verb == "show":
            return 0, "\n".join(self._show(name, options) for name in names), ""
        work = {"start": self._start, "stop": self._stop, "restart": self._restart, "reset-failed": self._reset}
        if verb not in work:
            return 1, "", f"Unknown command verb {verb}.\n"
        for name in names:
            unit = self._find(name)
            if unit.load != "loaded":
                return 5, "", f"Failed to {verb} {name}: Unit {name} not found.\n"
            task = self._enqueue(unit, work[verb])
            if "--no-block" not in options:
                await task
        return 0, "", ""

    def _show(self, name: str, options: list[str]) -> str:
        wanted = next((word.partition("=")[2].split(",") for word in options if word.startswith("--property=")), None)
        shown = self._find(name).shown
        return "".join(f"{key}={value}\n" for key, value in shown.items() if wanted is None or key in wanted)

    def _find(self, name: str) -> Unit:
        unit = self._units.setdefault(name, Unit(name))
        unit.load = "loaded" if (self._folder / name).is_file() else "not-found"
        if unit.load == "loaded":
            try:
                read_unit(self._folder / name)
            except MisconfiguredError as error:
                sys.stderr.write(f"{error}\n")
                unit.load = "bad-setting"
        return unit

    def _enqueue(self, unit: Unit, work: Callable[[Unit], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        self._jobs += 1
        job = self._jobs
        unit.jobs.append(job)

        async def run() -> None:
            try:
                async with unit.turn:
                    await work(unit)
            finally:
                unit.jobs.remove(job)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _restart(self, unit: Unit) -> None:
        await self._stop(unit)
        await self._start(unit)

    async def _reset(self, unit: Unit) -> None:
        unit.starts.clear()
        if unit.active == "failed":
            unit.be("inactive", "dead")

    async def _start(self, unit: Unit) -> None:
        if unit.active == "active":
            return
        file, now = read_unit(self._folder / unit.name), _CLOCK.monotonic()
        unit.starts = [one for one in unit.starts if now - one < file.start_limit_s]
        if file.start_limit_s and len(unit.starts) >= file.start_limit:
            unit.be("failed", "failed", "start-limit-hit")
            return
        unit.starts.append(now)
        unit.invocation = secrets.token_hex(16)
        try:
            process = await self._spawn(file, unit.invocation)
        except OSError:
            unit.pid, unit.code, unit.status = 0, 1, _EXEC_FAILED
            unit.be("failed", "failed", "exit-code")
            return
        unit.process, unit.pid, unit.code, unit.status = process, process.pid, 0, 0
        unit.be("active", "running")
        unit.watcher = asyncio.create_task(self._watch(unit, file, process))

    async def _spawn(self, file: UnitFile, invocation: str) -> asyncio.subprocess.Process:
        with _output(file) as output:
            return await asyncio.create_subprocess_exec(
                *file.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=file.directory,
                env={"PATH": "/usr/bin:/bin", **file.environment, "INVOCATION_ID": invocation, MARK: self._mark},
                start_new_session=True,
            )

    async def _watch(self, unit: Unit, file: UnitFile, process: asyncio.subprocess.Process) -> None:
        """Until the process ends by itself; a stop ends this first."""
        status = await process.wait()
        _kill_group(process.pid, signal.SIGKILL)
        unit.process, unit.pid = None, 0
        unit.code, unit.status = (2, -status) if status < 0 else (1, status)
        result = "signal" if status < 0 else "exit-code" if status else "success"
        if file.restart == "always" or (file.restart == "on-failure" and status):
            unit.be("activating", "auto-restart", result)
            await asyncio.sleep(file.restart_s)
            unit.watcher = None
            self._enqueue(unit, self._start)
            return
        if file.stays_active and not status:
            unit.be("active", "exited")
            return
        unit.be("failed" if status else "inactive", "failed" if status else "dead", result)

    async def _stop(self, unit: Unit) -> None:
        if unit.watcher is not None:
            unit.watcher.cancel()
            with suppress(asyncio.CancelledError):
                await unit.watcher
            unit.watcher = None
        process = unit.process
        if process is not None:
            unit.be("deactivating", "stop-sigterm")
            await _end(process, read_unit(self._folder / unit.name).stop_s)
            unit.process, unit.pid = None, 0
        if unit.active != "failed":
            unit.be("inactive", "dead")

    async def end(self) -> None:
        for unit in self._units.values():
            if unit.watcher is not None:
                unit.watcher.cancel()
            if unit.process is not None:
                _kill_group(unit.process.pid, signal.SIGKILL)


def _output(file: UnitFile) -> BinaryIO:
    return Path(file.output or os.devnull).open("ab")


async def _end(process: asyncio.subprocess.Process, grace_s: float) -> None:
    for number in (signal.SIGTERM, signal.SIGCONT):
        _kill_group(process.pid, number)
    try:
        await asyncio.wait_for(process.wait(), grace_s)
    except TimeoutError:
        _kill_group(process.pid, signal.SIGKILL)
        await process.wait()
    _kill_group(process.pid, signal.SIGKILL)


def _kill_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


async def serve(units: Path, path: str) -> None:
    """Until SIGTERM."""
    manager, stopping = Manager(units, path), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status, out, err = await manager.answer(json.loads(await reader.readline()))
        writer.write(json.dumps({"status": status, "out": out, "err": err}).encode() + b"\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(converse, path):
        await stopping.wait()
        await manager.end()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))

"""Child processes that are always ended, and what the kernel says they use. Ends nothing that it did not start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_GRACE_S = 20.0
_FROM_OUTSIDE = ("RECOVEROPS_", "MAX_ACTIONS_PER_HOUR", "COOLDOWN_MINUTES", "REQUIRE_APPROVAL")


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def start(
    arguments: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """`python <arguments>` in the checkout; what it says on standard error (and output, unless piped) goes to `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out if stdout is None else stdout,
            stderr=out,
            cwd=ROOT,
            env={**_own_environment(), **(environment or {})},
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Asked first, killed when it does not listen; returns when it is gone."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def running(
    arguments: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """The process with its standard output as a pipe, ended when the block is left."""
    process = start(arguments, log=log, environment=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process, process.stdout
    finally:
        end(process)


def _own_environment() -> dict[str, str]:
    """Without the variables that configure RecoverOps: only the benchmark's files do."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FROM_OUTSIDE)}


def tree(pid: int) -> tuple[int, ...]:
    """The process and everything that it started."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found.extend(int(child) for child in task.read_text().split())
    return tuple(found)


def cpu_seconds(pid: int) -> float:
    """Processor time that the process and its children have used, the ended ones included."""
    return sum(_cpu_of(one) for one in tree(pid))


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, ended_user, ended_system = (int(field) for field in fields[11:15])
    return (user + system + ended_user + ended_system) / _TICKS_PER_S


def memory_mb(pid: int, *, peak: bool = False) -> float:
    """Resident memory of the process and its children, in MB of 10^6 bytes; `peak`: the most that each ever had."""
    field = "VmHWM:" if peak else "VmRSS:"
    kib = 0
    for one in tree(pid):
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith(field):
                kib += int(line.split()[1])
    return kib * 1024 / 1e6

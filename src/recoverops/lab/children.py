"""Child processes that are always ended: asked first, killed when they do not listen, and waited for."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

GRACE_S = 10.0
"""RecoverOps gives running responses a few seconds to end the step that they are at."""

_OF_THE_MACHINE = (
    "COVERAGE",
    "HOME",
    "LANG",
    "LC_",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "NUMBA_",
    "PATH",
    "PYTHON",
    "SSL_CERT",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "XDG_",
)


@contextmanager
def running(command: Sequence[str], *, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, ended when the block is left. Everything that it prints goes to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=own_environment(os.environ)
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], *, grace_s: float = GRACE_S) -> None:
    """Returns when it is gone, at the latest a moment after `grace_s`."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(grace_s)


def end_group(pid: int) -> None:
    """Kill a process that is nobody's child any more, with the rest of its group unless that is our own."""
    group = os.getpgid(pid)
    if group == os.getpgrp():
        os.kill(pid, signal.SIGKILL)
    else:
        os.killpg(group, signal.SIGKILL)


def own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What describes the machine and its user, and nothing else.

    Variables that configure RecoverOps stay out, so the demo's own follows the demo's files alone; and so does whatever
    else the caller's shell or test runner has put there, where the engine could read it.
    """
    return {name: value for name, value in environment.items() if name.startswith(_OF_THE_MACHINE)}


def last_lines(file: Path, *, count: int = 8) -> str:
    """The end of a log, for a message; empty when there is none."""
    if not file.exists():
        return ""
    return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])

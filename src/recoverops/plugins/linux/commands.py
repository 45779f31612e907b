"""Runs one program: an argument list, a declared environment, a time limit, bounded output. Never a shell.

Used by the actions that call nginx or a declared script. Whatever it leaves running in its own session is ended with
it.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from recoverops.model import PermanentError
from recoverops.plugins.linux.answers import cut
from recoverops.ports import Clock
from recoverops.redact import HIDDEN, redact

_KEPT = 4096
"""Bytes of output that are kept: the last ones."""
_LONGEST = 800


@dataclass(frozen=True, slots=True)
class Finished:
    exit_status: int | None
    """None when it was ended because its time was over."""
    output: str
    """The end of what it wrote, redacted."""
    text: str = field(default="", repr=False)
    """The same as it was written, for whoever has to parse it; never shown."""

    @property
    def is_good(self) -> bool:
        return self.exit_status == 0

    @property
    def statement(self) -> str:
        end = "was ended when its time was over" if self.exit_status is None else f"ended with {self.exit_status}"
        return f"{end}, saying: {self.output}" if self.output else f"{end} and said nothing"


def run(
    command: Sequence[str],
    *,
    clock: Clock,
    timeout_s: float,
    environment: Mapping[str, str],
    folder: str = "/",
    secrets: Sequence[str] = (),
    kept: int = _KEPT,
) -> Finished:
    """Raises `PermanentError` when the program cannot be started at all. `kept`: bytes at the end of its output."""
    try:
        process = subprocess.Popen(  # noqa: S603 - a list that the settings declare, with arguments that match patterns
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            close_fds=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PermanentError(f"{command[0]} cannot be started: {reason}") from error
    with process:
        output = _read(process, clock, clock.monotonic() + timeout_s, kept)
        is_over = output.is_late or not _has_ended(process, max(0.05, output.deadline - clock.monotonic()))
        if is_over:
            _end_session(process)
        status = None if is_over else process.returncode
    return Finished(status, _shown(output.tail, secrets), output.tail.decode(errors="replace"))


@dataclass(slots=True)
class _Output:
    deadline: float
    tail: bytes = b""
    is_late: bool = False


def _read(process: subprocess.Popen[bytes], clock: Clock, deadline: float, kept: int) -> _Output:
    """Until its end, or the end of its time; the pipe is always emptied, so it never waits for us."""
    assert process.stdout is not None
    output = _Output(deadline)
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - clock.monotonic()) > 0:
            if not selector.select(min(left, 0.2)):
                if process.poll() is not None:
                    return output  # something that it started holds the pipe open; it is not waited for
                continue
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                return output
            output.tail = (output.tail + piece)[-kept:]
    output.is_late = True
    return output


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end_session(process: subprocess.Popen[bytes]) -> None:
    """Only its own process group, which nobody else can have entered: it leads a session of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    if not _has_ended(process, 1.0):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _shown(tail: bytes, secrets: Sequence[str]) -> str:
    text = tail[-_KEPT:].decode(errors="replace")
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    clean = "".join(character if character.isprintable() else " " for character in redact(text))
    words = " ".join(clean.split())
    return words if len(words) <= _LONGEST else cut(redact(words[-_LONGEST:]), _LONGEST)

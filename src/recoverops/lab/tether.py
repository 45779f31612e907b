"""The demo's end of the world process: start it, ask it whether it is well, keep it or end it.

The tether is the world's standard input. When it closes, for whatever reason (the demo ended, failed, was killed with
-9), the world ends everything that it started and removes its directory. `keep` unties it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from recoverops.clock import SystemClock
from recoverops.lab import front
from recoverops.lab.children import own_environment
from recoverops.lab.judging import JudgeBy
from recoverops.lab.layout import DIRECTORY_PREFIX, Facts, Layout
from recoverops.lab.leftovers import END_WITHIN_S, end_processes
from recoverops.model import IncidentKind, PermanentError, from_json

KEEP = b"keep\n"


class World:
    """Everything that a demo runs on, as seen from the demo."""

    def __init__(self, layout: Layout, process: subprocess.Popen[bytes], *, errors: IO[bytes]) -> None:
        self.layout = layout
        self._process = process
        self._errors = errors
        self._is_kept = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def facts(self) -> Facts | None:
        """None while it is still starting. Raises PermanentError with the reason when it has ended."""
        self.check()
        return from_json(Facts, self.layout.facts.read_bytes()) if self.layout.facts.exists() else None

    def check(self) -> None:
        """Raises PermanentError with the reason when the world, or a part of it, has ended."""
        if self._process.poll() is not None:
            self._errors.seek(0)
            told = self._errors.read().decode(errors="replace").strip()
            raise PermanentError(told or f"the lab's processes ended with exit code {self._process.returncode}")

    def keep(self) -> None:
        """Let it live on when the demo ends."""
        self._tell(KEEP)
        self._is_kept = True

    def end(self) -> None:
        """Returns when all its processes and its directory are gone; at once when it is kept."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        if self._is_kept:
            return
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        end_processes(self.layout.directory, clock=SystemClock())  # of a world that was killed itself
        shutil.rmtree(self.layout.directory, ignore_errors=True)

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise PermanentError("the lab's processes have ended and cannot be kept") from error


@contextmanager
def tethered_world(
    layout: Layout | None = None,
    *,
    causes: Collection[IncidentKind] | None = None,
    judge_by: JudgeBy = JudgeBy.LIMITS,
) -> Iterator[World]:
    """A world that is starting, in a new directory of its own; ended when the block is left, unless it was kept.

    The directory goes with it. `causes`: what its RecoverOps has rules for; None: without RecoverOps. `judge_by`: by
    what it judges metrics.
    """
    if layout is None:
        place = Path(tempfile.mkdtemp(prefix=DIRECTORY_PREFIX))
        layout = Layout.choose(place, has_nginx=front.program() is not None)
    # a file and no pipe: reading it never waits for whoever else may hold the other end
    with tempfile.TemporaryFile() as errors:
        world = World(layout, _started(layout, errors, causes=causes, judge_by=judge_by), errors=errors)
        try:
            yield world
        finally:
            world.end()


def _started(
    layout: Layout, errors: IO[bytes], *, causes: Collection[IncidentKind] | None, judge_by: JudgeBy
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "recoverops.lab.world", *layout.to_arguments()]
    engine = "--without-engine" if causes is None else f"--rules={','.join(causes)}"
    return subprocess.Popen(
        [*command, engine, f"--judge-by={judge_by}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=own_environment(os.environ),
        process_group=0,  # Ctrl-C in the terminal reaches the demo alone, which then ends the world in order
    )

"""What demos have left behind on this machine, and its end: for `recoverops demo --clean`, and for `tether`.

That is a demo which was kept, or whose processes were killed. A demo that somebody watches right now is left alone, and
so is everything of another user. Only the lab's own programs are ended, never somebody who reads their logs.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from recoverops.lab.layout import DIRECTORY_PREFIX, kept_mark
from recoverops.ports import Clock

WORLD = b"recoverops.lab.world"
LOOK_EVERY_S = 0.1
END_WITHIN_S = 40.0
"""Each part of a world has ten seconds to go; past that the rest is killed."""

Processes = Mapping[int, tuple[bytes, ...]]
"""Process id -> the words of its command line."""


class Fate(StrEnum):
    ENDED = "ended"
    """its processes have ended and its directory is gone"""
    REMOVED = "removed"
    """nothing of it ran any more; its directory is gone"""
    RUNNING = "running"
    """a demo that somebody watches; left alone"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    directory: Path
    fate: Fate


def clear(*, clock: Clock, place: Path | None = None) -> tuple[Leftover, ...]:
    """Every demo of this user in `place` (by default where demos make their directories), and what became of it."""
    place = place or Path(tempfile.gettempdir())
    there = {one for one in place.glob(f"{DIRECTORY_PREFIX}*") if _is_own(one)}
    found = sorted(there | named_in(own_processes(), place))
    return tuple(Leftover(directory=one, fate=_clear(one, clock=clock)) for one in found)


def named_in(processes: Processes, place: Path) -> frozenset[Path]:
    """The demos that the lab's own programs work for, whether or not their directories are still there. Pure."""
    demo = re.compile(re.escape(os.fsencode(place / DIRECTORY_PREFIX)) + rb"\w+")
    words = (word for line in processes.values() if _is_of_the_lab(line) for word in line)
    return frozenset(Path(os.fsdecode(one)) for word in words for one in demo.findall(word))


def _is_own(directory: Path) -> bool:
    with suppress(OSError):
        return directory.is_dir() and not directory.is_symlink() and directory.stat().st_uid == os.geteuid()
    return False


def _clear(directory: Path, *, clock: Clock) -> Fate:
    ours = processes_of(directory, own_processes())
    worlds = {pid for pid, words in ours.items() if WORLD in words}
    if worlds and not kept_mark(directory).exists():
        return Fate.RUNNING
    end_processes(directory, clock=clock)
    shutil.rmtree(directory, ignore_errors=True)
    return Fate.ENDED if ours else Fate.REMOVED


def end_processes(directory: Path, *, clock: Clock) -> None:
    """Returns when none of this demo runs any more: they are asked first, the world to end the rest in order."""
    ours = processes_of(directory, own_processes())
    for pid in [pid for pid, words in ours.items() if WORLD in words] or ours:
        _send(pid, signal.SIGTERM)
    until = clock.monotonic() + END_WITHIN_S
    while processes_of(directory, own_processes()) and clock.monotonic() < until:
        clock.sleep(LOOK_EVERY_S)
    for pid in processes_of(directory, own_processes()):
        _send(pid, signal.SIGKILL)


def processes_of(directory: Path, processes: Processes) -> Processes:
    """Those of the lab's own programs that work in this directory. Pure."""
    place = os.fsencode(directory)
    return {
        pid: words
        for pid, words in processes.items()
        if _is_of_the_lab(words) and any(word == place or place + b"/" in word for word in words)
    }


def _is_of_the_lab(words: tuple[bytes, ...]) -> bool:
    is_python = any(
        flag == b"-m"
        and (module in {b"recoverops", b"supervisor.supervisord"} or module.startswith(b"recoverops.lab."))
        for flag, module in pairwise(words)
    )
    return is_python or words[0].startswith(b"nginx: master process")


def own_processes() -> Processes:
    """Everything that this user runs, this process aside."""
    return {pid: words for pid, words in _commands() if pid != os.getpid()}


def _commands() -> Iterator[tuple[int, tuple[bytes, ...]]]:
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            pid, is_own = int(entry.name), entry.stat().st_uid == os.geteuid()
            words = tuple((entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0"))
            if is_own and words[0]:
                yield pid, words


def _send(pid: int, signum: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signum)

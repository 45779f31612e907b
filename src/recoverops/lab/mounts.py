"""A size-limited file system for one data folder, where the lab may mount one.

Mounted in a mount namespace of the world's own, so that nobody else sees it and nothing of it outlives the world, not
even after kill -9. Who is outside looks into it through `/proc/<pid>/root`.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = 8 * 1024 * 1024
CLONE_NEWNS = 0x00020000


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Whether `folder` is now a file system of its own, of `SIZE` bytes; empty, and gone when the block is left.

    False where the lab is not allowed to mount; then nothing was changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or not _own_namespace() or not _run("mount", "--make-rprivate", "/"):
        yield False
        return
    if not _run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder)):
        yield False
        return
    try:
        yield True
    finally:
        _run("umount", "--lazy", str(folder))


def seen_by(pid: int, path: Path) -> Path:
    """The same absolute path as that process sees it."""
    return Path(f"/proc/{pid}/root") / path.relative_to("/")


def _own_namespace() -> bool:
    return bool(ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0)


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False

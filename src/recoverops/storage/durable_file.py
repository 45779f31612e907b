"""Small files that are either wholly there or not at all, also after a power cut."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from recoverops.storage.ownership import PRIVATE_FILE, hand_over


def write_durably(path: Path, data: bytes) -> None:
    """Replace the file: write beside it, flush, rename, flush the directory. Raises OSError.

    What root writes belongs to the owner of the directory (`ownership.py`).
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    beside.unlink(missing_ok=True)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            hand_over(file.fileno(), path.parent)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    flush_directory(path.parent)


def flush_directory(directory: Path) -> None:
    """Make the names in it durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

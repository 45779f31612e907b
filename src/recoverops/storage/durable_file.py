"""Small files that are either wholly there or not at all, also after a power cut."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from recoverops.storage.ownership import directory_of, new_file


def write_durably(path: Path, data: bytes) -> None:
    """Replace the file: write beside it, flush, rename, flush the directory. Raises OSError.

    What root writes belongs to the owner of the directory, which is opened once (`ownership.py`).
    """
    beside = f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp"
    with directory_of(path) as directory:
        _remove(beside, directory)
        try:
            with os.fdopen(new_file(beside, os.O_WRONLY, directory=directory), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path.name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            _remove(beside, directory)
            raise
        os.fsync(directory)


def _remove(name: str, directory: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def flush_directory(directory: Path) -> None:
    """Make the names in it durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

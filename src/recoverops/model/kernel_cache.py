"""Compiled kernels on disk that never outlive the sources they were made of.

Numba keeps a kernel until its own file changes. What it took from other files, such as where a field lies in a row,
is compiled in: after an upgrade that changes only those, an old kernel would go on and read the wrong bytes. Here a
kernel is kept with the digest of every source of its room (`detection`, `sources`), for kernels use nothing beyond it.
Imported by the rooms' `compiled.py` only, because it imports numba.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from numba.core import config
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator

_PACKAGE = Path(__file__).resolve().parent.parent


class _OfRoom:
    _py_file: str

    def get_source_stamp(self) -> bytes:
        """Whatever it was when the kernel was compiled has to be so now."""
        return digest_of(room_of(Path(self._py_file)))


class Provided(_OfRoom, UserProvidedCacheLocator):  # type: ignore[misc]
    """In `NUMBA_CACHE_DIR`."""


class InTree(_OfRoom, InTreeCacheLocator):  # type: ignore[misc]
    """In `__pycache__` beside the source."""


class UserWide(_OfRoom, UserWideCacheLocator):  # type: ignore[misc]
    """In the user's cache, where the package may not be written to."""


@contextmanager
def kept_by_room() -> Iterator[None]:
    """What is compiled for the time of the context is kept so; kernels of other packages in this process are not."""
    usual = config.CACHE_LOCATOR_CLASSES
    config.CACHE_LOCATOR_CLASSES = ",".join(f"{__name__}.{one.__name__}" for one in (Provided, InTree, UserWide))
    try:
        yield
    finally:
        config.CACHE_LOCATOR_CLASSES = usual


def room_of(source: Path) -> Path:
    """The folder right below the package; the source's own folder when it lies elsewhere, as in a test."""
    inside = source.resolve()
    return _PACKAGE / inside.relative_to(_PACKAGE).parts[0] if inside.is_relative_to(_PACKAGE) else inside.parent


@cache
def digest_of(room: Path) -> bytes:
    """SHA-256 of the names and contents of all its Python files, read once in the life of the process."""
    told = hashlib.sha256()
    for file in sorted(room.rglob("*.py")):
        told.update(f"{file.relative_to(room)}\0{file.stat().st_size}\0".encode())
        told.update(file.read_bytes())
    return told.digest()

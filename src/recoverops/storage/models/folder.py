"""Trained models in a local folder: `<root>/<name>/<version>/`, and `<root>/<name>/current.json`.

Implements `ports.ModelStore`. Processes that share the folder take turns by a lock on a file in it. A version is never
changed; it is removed only when it is neither among the newest nor the current one nor the one in use before that.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from recoverops.model import NotFoundError, PermanentError, UnreachableError
from recoverops.ports import ModelInUse, ModelParts, ModelVersion
from recoverops.storage.durable_file import flush_directory
from recoverops.storage.models.files import read_manifest, read_version, write_version
from recoverops.storage.models.pointer import Pointer, read_pointer, write_pointer
from recoverops.storage.models.versions import (
    NAME,
    checked_keep,
    checked_name,
    first_whole,
    next_number,
    numbers_in,
    outdated,
)
from recoverops.storage.ownership import make_folder, opened_or_made

_LOCK = ".lock"


class FolderModelStore:
    """`keep`: how many of the newest versions of a name stay."""

    def __init__(self, root: Path, *, keep: int = 5) -> None:
        self._root = root
        self._keep = checked_keep(keep)

    def save(self, name: str, parts: ModelParts, *, at: datetime) -> ModelVersion:
        with self._turn(name) as folder:
            pointer = _pointer_or_none(folder)
            number = next_number(_numbers(folder), pointer)
            saved = write_version(folder / str(number), parts, name=name, version=number, at=at)
            if pointer is not None:
                _prune(folder, pointer, keep=self._keep)
            return saved

    def names(self) -> tuple[str, ...]:
        with _worded(self._root):
            if not self._root.is_dir():
                return ()
            return tuple(sorted(one.name for one in self._root.iterdir() if one.is_dir() and NAME.fullmatch(one.name)))

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        return tuple(found for found in self._looked_at(name) if isinstance(found, ModelVersion))

    def damaged(self, name: str) -> tuple[str, ...]:
        with _worded(self._root):
            folder = self._folder(name)
            return tuple(why for number in _numbers(folder) if (why := _why_refused(folder / str(number))))

    def current(self, name: str) -> int | None:
        with _worded(self._root):
            return read_pointer(self._folder(name)).current

    def load(self, name: str, version: int) -> ModelInUse:
        with _worded(self._root):
            folder = self._folder(name) / str(version)
            if not folder.is_dir():
                raise NotFoundError(f"there is no version {version} of the model {name!r} in {self._root}")
            return ModelInUse(version=read_manifest(folder), parts=read_version(folder))

    def load_current(self, name: str) -> ModelInUse | None:
        with _worded(self._root):
            used = read_pointer(self._folder(name)).used
        return first_whole(name, used, self.load)

    def switch(self, name: str, *, to: int, expected: int | None) -> ModelVersion:
        wanted = self.load(name, to).version
        with self._turn(name) as folder:
            pointer = read_pointer(folder)
            pointer.check(name, expected)
            if not (folder / str(to)).is_dir():
                raise NotFoundError(f"version {to} of the model {name!r} was removed in between")
            write_pointer(folder, pointer.switched(to))
        return wanted

    def _looked_at(self, name: str) -> Iterator[ModelVersion | PermanentError]:
        with _worded(self._root):
            folder = self._folder(name)
            for number in _numbers(folder):
                try:
                    yield read_manifest(folder / str(number))
                except PermanentError as error:
                    yield error

    def _folder(self, name: str) -> Path:
        return self._root / checked_name(name)

    @contextmanager
    def _turn(self, name: str) -> Iterator[Path]:
        """The folder of that name, for one writer at a time. The kernel frees the lock when a process dies."""
        with _worded(self._root):
            folder = self._folder(name)
            make_folder(folder)
            descriptor = opened_or_made(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield folder
            finally:
                os.close(descriptor)


def _why_refused(folder: Path) -> str | None:
    """Reads all of it, as a load would."""
    try:
        read_manifest(folder)
        read_version(folder)
    except PermanentError as error:
        return str(error)
    return None


def _pointer_or_none(folder: Path) -> Pointer | None:
    """None when it is damaged: a new version can still be kept, but nothing may be removed."""
    try:
        return read_pointer(folder)
    except PermanentError:
        return None


def _numbers(folder: Path) -> list[int]:
    """Newest first."""
    if not folder.is_dir():
        return []
    return numbers_in(entry.name for entry in folder.iterdir() if entry.is_dir())


def _prune(folder: Path, pointer: Pointer, *, keep: int) -> None:
    """Remove what nobody needs, and what a killed writer left behind."""
    for number in outdated(_numbers(folder), pointer, keep=keep):
        (folder / str(number)).rename(folder / f".{number}.gone")
    for leftover in (*folder.glob(".*.gone"), *folder.glob(".*.tmp")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
    flush_directory(folder)


@contextmanager
def _worded(root: Path) -> Iterator[None]:
    """A disk that does not answer is not a damaged model."""
    try:
        yield
    except OSError as error:
        raise UnreachableError(
            f"the models in {root} cannot be read or written ({error}); check that the disk is there, has room, and "
            "belongs to the user that runs RecoverOps"
        ) from error

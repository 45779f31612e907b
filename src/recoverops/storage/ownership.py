"""What root makes belongs to the owner of the directory it is in, or `sudo recoverops ...` would lock out the engine.

Called wherever a file or a folder of the data directory is made. For every other user it does nothing.

The owner of the directory may be hostile, and may exchange any name in it at any time. So the directory is opened once:
what is made is made in that one and goes to its owner, and only what was made here is given away. A link on the way to
the directory is followed, because an administrator may have made it: what is made at its end is its owner's there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


@contextmanager
def directory_of(path: Path) -> Iterator[int]:
    """A descriptor of the directory that it is in. Raises OSError."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield directory
    finally:
        os.close(directory)


def new_file(name: str, flags: int, *, directory: int) -> int:
    """A descriptor of it. Raises FileExistsError when there is anything of that name, and OSError."""
    flags |= os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(name, flags, PRIVATE_FILE, dir_fd=directory)
    _hand_over(descriptor, directory)
    return descriptor


def opened_or_made(path: Path, flags: int) -> int:
    """A descriptor of it. Raises OSError. What is there already stays whose it is."""
    with directory_of(path) as directory:
        try:
            return new_file(path.name, flags, directory=directory)
        except FileExistsError:
            return os.open(path.name, flags | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE, dir_fd=directory)


def make_empty(path: Path) -> None:
    """Unless it is there: then it is not even opened, because the locks of SQLite go with a close. Raises OSError."""
    with suppress(FileExistsError), directory_of(path) as directory:
        os.close(new_file(path.name, os.O_WRONLY, directory=directory))


def make_folder(folder: Path) -> None:
    """Private, with those that it lies in, unless it is there. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with directory_of(folder) as directory:
        try:
            os.mkdir(folder.name, PRIVATE_FOLDER, dir_fd=directory)
        except FileExistsError:
            if not folder.is_dir():
                raise
            return
        descriptor = os.open(folder.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
        try:
            # It may be another one by now. Who can put an empty folder here can as well remove it and make their own,
            # so it is worth nothing to them; one with something in it stays whose it is.
            if not os.listdir(descriptor):
                _hand_over(descriptor, directory)
        finally:
            os.close(descriptor)


def _hand_over(descriptor: int, directory: int) -> None:
    """What was just made in it. A root that may not, as in some containers, leaves it as it is."""
    if os.geteuid() != 0:
        return
    with suppress(OSError):
        owner = os.fstat(directory)
        os.fchown(descriptor, owner.st_uid, owner.st_gid)

"""What root makes belongs to the owner of the directory it is in, or `sudo recoverops ...` would lock out the engine.

Called wherever a file or a folder of the data directory is made. For every other user it does nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


def hand_over(descriptor: int, directory: Path) -> None:
    """The file that was just made in it. A root that may not, as in some containers, leaves it as it is."""
    if os.geteuid() != 0:
        return
    with suppress(OSError):
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def opened_or_made(path: Path, flags: int) -> int:
    """A descriptor of it. Raises OSError. What is there already stays whose it is."""
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
    except FileExistsError:
        return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
    hand_over(descriptor, path.parent)
    return descriptor


def make_empty(path: Path) -> None:
    """Unless it is there: then it is not even opened, because the locks of SQLite go with a close. Raises OSError."""
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
        hand_over(descriptor, path.parent)
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Private, with those that it lies in, unless it is there. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        hand_over(descriptor, folder.parent)
    finally:
        os.close(descriptor)

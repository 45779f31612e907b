"""A file on disk -> tree. Bounded, and every way in which a file can disappoint has its sentence."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from recoverops.config.place import Place, problem
from recoverops.config.reading import read_yaml
from recoverops.config.tree import Node
from recoverops.model import MisconfiguredError

MAX_BYTES = 1024 * 1024


def read_document(path: Path) -> Node:
    """The tree of the file. Raises `MisconfiguredError`; an empty file is refused too."""
    node = read_yaml(read_text(path), source=str(path))
    if node is None:
        way_out = "write at least one key into it, or delete the file"
        raise MisconfiguredError(problem(Place(source=str(path)), "the file is empty", way_out))
    return node


def read_text(path: Path) -> str:
    """The file's text without a byte-order mark. Raises `MisconfiguredError`."""
    place = Place(source=str(path))
    try:
        if not stat.S_ISREG(os.stat(path).st_mode) and not path.is_dir():
            raise MisconfiguredError(problem(place, "this is not a regular file", "name a file"))
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise MisconfiguredError(explain(path, error)) from error
    if len(content) > MAX_BYTES:
        raise MisconfiguredError(
            problem(place, "the file is larger than 1 MiB", "split it or take out what is not YAML")
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{content[error.start]:02x} is not UTF-8"
        place = Place(source=str(path), line=line)
        raise MisconfiguredError(problem(place, what, "save the file as UTF-8")) from None


def explain(path: Path, error: OSError) -> str:
    """The sentence for a file that the system would not give."""
    place = Place(source=str(path))
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return problem(place, "there is no such file", "create it or correct the path")
    if isinstance(error, IsADirectoryError):
        return problem(place, "this is a directory, expected a file", "name the file in it")
    if isinstance(error, PermissionError):
        return problem(place, "the user that runs RecoverOps may not read it", "let that user read it")
    return problem(place, f"it cannot be read ({error.strerror or error})", "check the path and the disk")

"""Files that are not there, or are not files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recoverops.config import Configuration
from recoverops.config.document import explain
from recoverops.model import MisconfiguredError

from .settings import Everything


def refusal(path: Path) -> str:
    with pytest.raises(MisconfiguredError) as refused:
        Everything(Configuration.load(path, {}))
    return str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recoverops.yaml"
    assert refusal(path) == f"{path}: there is no such file; create it or correct the path"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: this is a directory, expected a file; name the file in it"


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert refusal(path) == f"{path}: this is not a regular file; name a file"


def test_links_in_a_circle_are_told_with_the_systems_reason(tmp_path: Path) -> None:
    path = tmp_path / "recoverops.yaml"
    path.symlink_to(path)
    assert (
        refusal(path) == f"{path}: it cannot be read (Too many levels of symbolic links); check the path and the disk"
    )


def test_a_file_of_somebody_else_asks_for_the_right_to_read_it() -> None:
    sentence = explain(Path("recoverops.yaml"), PermissionError(13, "Permission denied"))
    assert sentence == "recoverops.yaml: the user that runs RecoverOps may not read it; let that user read it"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "recoverops.yaml"
    path.write_bytes(b"\xef\xbb\xbfdata_dir: here\n")
    assert Everything(Configuration.load(path, {})).data_dir.value == Path("here")

"""References to secrets, and that no message holds one."""

from __future__ import annotations

from pathlib import Path

import pytest

from recoverops.config import resolve_secret
from recoverops.model import MisconfiguredError

SECRET = "hunter2-correct-horse"


def refusal(reference: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(MisconfiguredError) as refused:
        resolve_secret(reference, environment or {})
    assert SECRET not in str(refused.value)
    return str(refused.value)


def test_a_variable_and_a_file_give_their_secret_without_the_line_break(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o640)
    assert resolve_secret(f"file:{file}", {}) == SECRET
    assert resolve_secret("env:TOKEN", {"TOKEN": SECRET}) == SECRET


@pytest.mark.parametrize("literal", [SECRET, f"token:{SECRET}", f"env:{SECRET}", "", f"https://x/{SECRET}"])
def test_a_literal_is_refused_with_the_way_out_and_without_being_shown(literal: str) -> None:
    assert refusal(literal) == (
        "a secret is written out, or not as a reference, where only a reference may stand; "
        "write env:NAME and set that variable, file:/path and put it into that file, or a form that a plugin of this "
        "configuration offers"
    )


def test_a_variable_that_is_not_set_or_empty_is_named() -> None:
    for environment in ({}, {"TOKEN": " "}):
        assert refusal("env:TOKEN", environment) == (
            "secret env:TOKEN: the variable is not set or empty; set it and start again"
        )


def test_a_file_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)
    file.chmod(0o644)
    assert refusal(f"file:{file}") == f"secret file:{file}: every user can read it; run chmod o-r {file}"


def test_files_that_hold_no_secret_are_told_apart(tmp_path: Path) -> None:
    def file(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    empty, binary, large = file("a", b"\n"), file("b", b"\xff\xfe"), file("c", b"x" * 65_537)
    assert refusal(f"file:{empty}") == f"secret file:{empty}: it is empty; put the secret into it"
    assert refusal(f"file:{binary}") == f"secret file:{binary}: it is not UTF-8 text; store the secret as text"
    assert "larger than 64 KiB" in refusal(f"file:{large}")
    assert refusal(f"file:{tmp_path}") == f"secret file:{tmp_path}: this is not a regular file; name a file"
    missing = tmp_path / "d"
    assert refusal(f"file:{missing}") == (
        f"secret file:{missing}: it cannot be read (No such file or directory); correct the path or its owner"
    )
    assert "not absolute" in refusal("file:token")

"""What only the folder of models has: a lock, renames, a full disk. The rest is `tests/conformance/test_models.py`."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conformance.test_models import NOON, parts, save

from recoverops.model import PermanentError, UnreachableError
from recoverops.storage.models import FolderModelStore


@pytest.fixture
def store(tmp_path: Path) -> FolderModelStore:
    return FolderModelStore(tmp_path / "models", keep=3)


def test_a_version_without_its_manifest_is_damaged(store: FolderModelStore, tmp_path: Path) -> None:
    """A version comes into the folder whole, by one rename."""
    save(store, 1)
    (tmp_path / "models" / "joint" / "1" / "manifest.json").unlink()
    with pytest.raises(PermanentError, match=r"manifest\.json is missing"):
        store.load("joint", 1)
    (why,) = store.damaged("joint")
    assert "manifest.json is missing" in why


def test_what_a_killed_writer_left_is_not_listed_and_goes_with_the_next_save(
    store: FolderModelStore, tmp_path: Path
) -> None:
    save(store, 1)
    left = tmp_path / "models" / "joint" / ".2.99999.tmp"
    left.mkdir()
    (left / "model.json").write_bytes(b"{")
    assert [one.version for one in store.versions("joint")] == [1]
    save(store, 2)
    assert not left.exists()
    assert [one.version for one in store.versions("joint")] == [2, 1]


def test_a_write_that_fails_leaves_nothing_behind(
    store: FolderModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, 1)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UnreachableError, match="has room"):
            save(store, 2)
    assert [one.version for one in store.versions("joint")] == [1]
    assert not list((tmp_path / "models" / "joint").glob(".*.tmp"))
    save(store, 2)
    assert [one.version for one in store.versions("joint")] == [2, 1]


def test_the_files_belong_to_nobody_else(store: FolderModelStore, tmp_path: Path) -> None:
    store.save("joint", parts(), at=NOON + timedelta(hours=1))
    for path in (tmp_path / "models").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0

"""Versions of models in a folder: whole or refused, switched by compare-and-set, pruned but for what is in use."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from recoverops.model import ConflictError, MisconfiguredError, NotFoundError, PermanentError, UnreachableError
from recoverops.ports import ModelParts
from recoverops.storage.models import FolderModelStore

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def parts(value: float = 1.0) -> ModelParts:
    return ModelParts(
        kind="residual",
        description={"format": 1, "metrics": ["cpu", "memory"]},
        arrays={"weights": np.array([value, 0.1, -np.pi]), "links": np.array([[1, -1]], dtype=np.int32)},
        report={"data": "the newest part", "f1": None},
    )


@pytest.fixture
def store(tmp_path: Path) -> FolderModelStore:
    return FolderModelStore(tmp_path / "models", keep=3)


def save(store: FolderModelStore, *values: float) -> None:
    for value in values:
        store.save("joint", parts(value), at=NOON)


def folder_of(tmp_path: Path, version: int) -> Path:
    return tmp_path / "models" / "joint" / str(version)


def weight(found: ModelParts) -> float:
    return float(found.arrays["weights"][0])


def test_every_name_that_something_was_saved_under_is_listed(store: FolderModelStore, tmp_path: Path) -> None:
    assert store.names() == ()
    save(store, 0.1)
    store.save("default", parts(), at=NOON)
    (tmp_path / "models" / ".training").mkdir()
    assert store.names() == ("default", "joint")


def test_what_is_saved_is_loaded_bit_for_bit(store: FolderModelStore) -> None:
    saved = store.save("joint", parts(0.3), at=NOON)
    loaded = store.load("joint", saved.version)
    assert loaded.version == saved
    assert (saved.kind, saved.created_at, len(saved.digest)) == ("residual", NOON, 64)
    assert loaded.parts.description == parts().description
    assert loaded.parts.report == parts().report
    for name, array in parts(0.3).arrays.items():
        np.testing.assert_array_equal(loaded.parts.arrays[name], array)
        assert loaded.parts.arrays[name].dtype == array.dtype


def test_versions_are_listed_newest_first_and_saving_makes_none_current(store: FolderModelStore) -> None:
    save(store, 1, 2, 3)
    assert [one.version for one in store.versions("joint")] == [3, 2, 1]
    assert store.current("joint") is None
    assert store.load_current("joint") is None
    assert store.versions("unheard-of") == ()


def test_switching_there_and_back(store: FolderModelStore) -> None:
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)
    store.switch("joint", to=2, expected=1)
    assert store.current("joint") == 2
    store.switch("joint", to=1, expected=2)
    loaded = store.load_current("joint")
    assert loaded is not None
    assert (loaded.version.version, weight(loaded.parts), loaded.refused) == (1, 1.0, ())


def test_whoever_expects_another_version_than_the_current_one_gets_a_conflict(store: FolderModelStore) -> None:
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)
    with pytest.raises(ConflictError, match="version 1 of the model 'joint' is current, expected None"):
        store.switch("joint", to=2, expected=None)
    assert store.current("joint") == 1


def test_of_many_who_switch_at_once_one_wins(store: FolderModelStore) -> None:
    save(store, *range(3))
    outcomes: list[str] = []

    def switch(to: int) -> None:
        try:
            store.switch("joint", to=to, expected=None)
            outcomes.append("won")
        except ConflictError:
            outcomes.append("lost")

    threads = [threading.Thread(target=switch, args=(1 + number % 3,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(outcomes) == ["lost"] * 8 + ["won"]


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / "arrays.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "arrays.npz").write_bytes(data)


def cut_off(folder: Path) -> None:
    (folder / "model.json").write_bytes((folder / "model.json").read_bytes()[:-5])


def lose_a_file(folder: Path) -> None:
    (folder / "arrays.npz").unlink()


def lose_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def garble_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"\xff{")


def claim_a_newer_format(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 2}), encoding="utf-8")


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a flipped bit": (flip_a_bit, "its manifest says"),
    "a file cut off": (cut_off, "its manifest says"),
    "a lost file": (lose_a_file, "arrays.npz is missing"),
    "a lost manifest": (lose_the_manifest, "manifest.json is missing"),
    "a garbled manifest": (garble_the_manifest, "manifest.json is damaged"),
    "a newer format": (claim_a_newer_format, "this release reads 1"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_version_is_refused_and_the_one_before_stays_in_use(
    case: str, store: FolderModelStore, tmp_path: Path
) -> None:
    damage, sentence = DAMAGE[case]
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)
    damage(folder_of(tmp_path, 2))
    with pytest.raises(PermanentError, match=sentence):
        store.load("joint", 2)
    with pytest.raises(PermanentError, match=sentence):
        store.switch("joint", to=2, expected=1)
    assert store.current("joint") == 1
    (why,) = store.damaged("joint")
    assert sentence in why


def test_when_the_current_one_is_damaged_the_one_in_use_before_it_is_loaded_and_that_is_said(
    store: FolderModelStore, tmp_path: Path
) -> None:
    save(store, 1, 2, 3)
    store.switch("joint", to=1, expected=None)
    store.switch("joint", to=3, expected=1)
    flip_a_bit(folder_of(tmp_path, 3))
    loaded = store.load_current("joint")
    assert loaded is not None
    assert loaded.version.version == 1
    assert "3/arrays.npz" in loaded.refused[0]
    flip_a_bit(folder_of(tmp_path, 1))
    with pytest.raises(PermanentError, match="no version of the model 'joint' that was in use is whole"):
        store.load_current("joint")


def test_a_version_copied_under_another_number_is_refused(store: FolderModelStore, tmp_path: Path) -> None:
    save(store, 1)
    folder_of(tmp_path, 1).rename(folder_of(tmp_path, 9))
    with pytest.raises(PermanentError, match="says it is joint version 1"):
        store.load("joint", 9)


def test_an_array_of_objects_is_neither_written_nor_read(store: FolderModelStore, tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(PermanentError, match="holds object"):
        store.save("joint", ModelParts(kind="x", description={}, arrays={"a": objects}, report={}), at=NOON)
    assert store.versions("joint") == ()
    save(store, 1)
    evil = io.BytesIO()
    np.savez(evil, weights=objects)
    _forge(folder_of(tmp_path, 1), evil.getvalue())
    with pytest.raises(PermanentError, match="allow_pickle=False"):
        store.load("joint", 1)


def _forge(folder: Path, arrays: bytes) -> None:
    """Arrays whose digest holds: somebody who may write there wrote them."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["sha256"]["arrays.npz"] = hashlib.sha256(arrays).hexdigest()
    (folder / "arrays.npz").write_bytes(arrays)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_only_the_newest_the_current_and_the_one_before_it_stay(store: FolderModelStore) -> None:
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)
    store.switch("joint", to=2, expected=1)
    save(store, 3, 4, 5, 6)
    assert [one.version for one in store.versions("joint")] == [6, 5, 4, 2, 1]
    store.switch("joint", to=6, expected=2)
    save(store, 7)
    assert [one.version for one in store.versions("joint")] == [7, 6, 5, 2]


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


def test_a_damaged_pointer_is_an_error_and_removes_nothing(store: FolderModelStore, tmp_path: Path) -> None:
    save(store, 1, 2, 3)
    store.switch("joint", to=1, expected=None)
    (tmp_path / "models" / "joint" / "current.json").write_bytes(b"nonsense")
    with pytest.raises(PermanentError, match="remove it and make one current"):
        store.current("joint")
    save(store, 4, 5)
    assert len(store.versions("joint")) == 5


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a" * 65])
def test_a_name_is_no_path(store: FolderModelStore, name: str) -> None:
    with pytest.raises(PermanentError, match="is no name of a model"):
        store.save(name, parts(), at=NOON)


def test_what_is_not_there_is_not_found(store: FolderModelStore) -> None:
    with pytest.raises(NotFoundError, match="no version 1"):
        store.load("joint", 1)
    with pytest.raises(NotFoundError, match="no version 1"):
        store.switch("joint", to=1, expected=None)


def test_keeping_no_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match="keep 1 or more"):
        FolderModelStore(tmp_path, keep=0)


def test_the_files_belong_to_nobody_else(store: FolderModelStore, tmp_path: Path) -> None:
    store.save("joint", parts(), at=NOON + timedelta(hours=1))
    for path in (tmp_path / "models").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0

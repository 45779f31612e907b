"""What every `ModelStore` promises. A new place of models is one line in `HOUSES`.

Versions are whole or refused, switched by compare-and-set, pruned but for what is in use.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from tests.integration.aws.buckets import Bucket

from recoverops.model import ConflictError, MisconfiguredError, NotFoundError, PermanentError
from recoverops.ports import ModelParts, ModelStore, ObjectStore
from recoverops.storage.models import FolderModelStore, ObjectModelStore
from recoverops.testing.objects import MemoryObjects

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class House(Protocol):
    """A place of models, and what somebody else does to its files: `joint/1/arrays.npz`."""

    def store(self, *, keep: int = 3) -> ModelStore: ...

    def files(self) -> list[str]: ...

    def read(self, file: str) -> bytes: ...

    def write(self, file: str, data: bytes) -> None: ...

    def remove(self, file: str) -> None: ...


class InFolder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def store(self, *, keep: int = 3) -> ModelStore:
        return FolderModelStore(self._root, keep=keep)

    def files(self) -> list[str]:
        return sorted(str(one.relative_to(self._root)) for one in self._root.rglob("*") if one.is_file())

    def read(self, file: str) -> bytes:
        return (self._root / file).read_bytes()

    def write(self, file: str, data: bytes) -> None:
        (self._root / file).parent.mkdir(parents=True, exist_ok=True)
        (self._root / file).write_bytes(data)

    def remove(self, file: str) -> None:
        (self._root / file).unlink()


class InMemory:
    def __init__(self) -> None:
        self.objects = MemoryObjects()

    def store(self, *, keep: int = 3) -> ModelStore:
        return ObjectModelStore(self.objects, keep=keep)

    def files(self) -> list[str]:
        return sorted(self.objects.kept)

    def read(self, file: str) -> bytes:
        return self.objects.kept[file][0]

    def write(self, file: str, data: bytes) -> None:
        self.objects.kept[file] = (data, NOON)

    def remove(self, file: str) -> None:
        del self.objects.kept[file]


class InBucket:
    """S3 with exactly the rights of the generated policy."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._objects: ObjectStore = bucket.store()
        self.files, self.read, self.write, self.remove = bucket.files, bucket.read, bucket.write, bucket.remove

    def store(self, *, keep: int = 3) -> ModelStore:
        return ObjectModelStore(self._objects, keep=keep)


HOUSES: dict[str, Callable[[pytest.FixtureRequest], House]] = {
    "folder": lambda request: InFolder(request.getfixturevalue("tmp_path") / "models"),
    "memory": lambda request: InMemory(),
    "s3": lambda request: InBucket(Bucket(request.getfixturevalue("aws"))),
}


@pytest.fixture(params=HOUSES)
def house(request: pytest.FixtureRequest) -> House:
    return HOUSES[request.param](request)


@pytest.fixture
def store(house: House) -> ModelStore:
    return house.store()


def parts(value: float = 1.0) -> ModelParts:
    return ModelParts(
        kind="residual",
        description={"format": 1, "metrics": ["cpu", "memory"]},
        arrays={"weights": np.array([value, 0.1, -np.pi]), "links": np.array([[1, -1]], dtype=np.int32)},
        report={"data": "the newest part", "f1": None},
    )


def save(store: ModelStore, *values: float) -> None:
    for value in values:
        store.save("joint", parts(value), at=NOON)


def weight(found: ModelParts) -> float:
    return float(found.arrays["weights"][0])


def test_every_name_that_something_was_saved_under_is_listed(store: ModelStore, house: House) -> None:
    assert store.names() == ()
    save(store, 0.1)
    store.save("default", parts(), at=NOON)
    house.write(".training/x", b"")
    assert store.names() == ("default", "joint")


def test_what_is_saved_is_loaded_bit_for_bit(store: ModelStore) -> None:
    saved = store.save("joint", parts(0.3), at=NOON)
    loaded = store.load("joint", saved.version)
    assert loaded.version == saved
    assert (saved.kind, saved.created_at, len(saved.digest)) == ("residual", NOON, 64)
    assert loaded.parts.description == parts().description
    assert loaded.parts.report == parts().report
    for name, array in parts(0.3).arrays.items():
        np.testing.assert_array_equal(loaded.parts.arrays[name], array)
        assert loaded.parts.arrays[name].dtype == array.dtype


def test_versions_are_listed_newest_first_and_saving_makes_none_current(store: ModelStore) -> None:
    save(store, 1, 2, 3)
    assert [one.version for one in store.versions("joint")] == [3, 2, 1]
    assert store.current("joint") is None
    assert store.load_current("joint") is None
    assert store.versions("unheard-of") == ()


def test_switching_there_and_back(store: ModelStore) -> None:
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)
    store.switch("joint", to=2, expected=1)
    assert store.current("joint") == 2
    store.switch("joint", to=1, expected=2)
    loaded = store.load_current("joint")
    assert loaded is not None
    assert (loaded.version.version, weight(loaded.parts), loaded.refused) == (1, 1.0, ())


def test_whoever_expects_another_version_than_the_current_one_gets_a_conflict(store: ModelStore) -> None:
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)
    with pytest.raises(ConflictError, match="version 1 of the model 'joint' is current, expected None"):
        store.switch("joint", to=2, expected=None)
    assert store.current("joint") == 1


def test_of_many_who_switch_at_once_one_wins(store: ModelStore) -> None:
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


def test_of_many_who_save_at_once_each_gets_a_number_of_its_own(store: ModelStore) -> None:
    saved: list[int] = []
    threads = [
        threading.Thread(
            target=lambda value: saved.append(store.save("joint", parts(value), at=NOON).version), args=[one]
        )
        for one in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(saved) == [1, 2, 3]
    assert sorted(weight(store.load("joint", one).parts) for one in saved) == [0.0, 1.0, 2.0]


def flip_a_bit(house: House, version: int) -> None:
    data = bytearray(house.read(f"joint/{version}/arrays.npz"))
    data[len(data) // 2] ^= 1
    house.write(f"joint/{version}/arrays.npz", bytes(data))


def cut_off(house: House, version: int) -> None:
    house.write(f"joint/{version}/model.json", house.read(f"joint/{version}/model.json")[:-5])


def lose_a_file(house: House, version: int) -> None:
    house.remove(f"joint/{version}/arrays.npz")


def garble_the_manifest(house: House, version: int) -> None:
    house.write(f"joint/{version}/manifest.json", b"\xff{")


def claim_a_newer_format(house: House, version: int) -> None:
    manifest = json.loads(house.read(f"joint/{version}/manifest.json"))
    house.write(f"joint/{version}/manifest.json", json.dumps({**manifest, "format": 2}).encode())


DAMAGE: dict[str, tuple[Callable[[House, int], None], str]] = {
    "a flipped bit": (flip_a_bit, "its manifest says"),
    "a file cut off": (cut_off, "its manifest says"),
    "a lost file": (lose_a_file, "arrays.npz is missing"),
    "a garbled manifest": (garble_the_manifest, "manifest.json is damaged"),
    "a newer format": (claim_a_newer_format, "this release reads 1"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_version_is_refused_and_the_one_before_stays_in_use(
    case: str, store: ModelStore, house: House
) -> None:
    damage, sentence = DAMAGE[case]
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)
    damage(house, 2)
    with pytest.raises(PermanentError, match=sentence):
        store.load("joint", 2)
    with pytest.raises(PermanentError, match=sentence):
        store.switch("joint", to=2, expected=1)
    assert store.current("joint") == 1
    (why,) = store.damaged("joint")
    assert sentence in why


def test_when_the_current_one_is_damaged_the_one_in_use_before_it_is_loaded_and_that_is_said(
    store: ModelStore, house: House
) -> None:
    save(store, 1, 2, 3)
    store.switch("joint", to=1, expected=None)
    store.switch("joint", to=3, expected=1)
    flip_a_bit(house, 3)
    loaded = store.load_current("joint")
    assert loaded is not None
    assert loaded.version.version == 1
    assert "3/arrays.npz" in loaded.refused[0]
    flip_a_bit(house, 1)
    with pytest.raises(PermanentError, match="no version of the model 'joint' that was in use is whole"):
        store.load_current("joint")


def test_a_version_copied_under_another_number_is_refused(store: ModelStore, house: House) -> None:
    save(store, 1)
    for file in ("model.json", "arrays.npz", "manifest.json"):
        house.write(f"joint/9/{file}", house.read(f"joint/1/{file}"))
    with pytest.raises(PermanentError, match="says it is joint version 1"):
        store.load("joint", 9)


def test_an_array_of_objects_is_neither_written_nor_read(store: ModelStore, house: House) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(PermanentError, match="holds object"):
        store.save("joint", ModelParts(kind="x", description={}, arrays={"a": objects}, report={}), at=NOON)
    assert store.versions("joint") == ()
    save(store, 1)
    evil = io.BytesIO()
    np.savez(evil, weights=objects)
    _forge(house, 1, evil.getvalue())
    with pytest.raises(PermanentError, match="allow_pickle=False"):
        store.load("joint", 1)


def _forge(house: House, version: int, arrays: bytes) -> None:
    """Arrays whose digest holds: somebody who may write there wrote them."""
    manifest = json.loads(house.read(f"joint/{version}/manifest.json"))
    manifest["sha256"]["arrays.npz"] = hashlib.sha256(arrays).hexdigest()
    house.write(f"joint/{version}/arrays.npz", arrays)
    house.write(f"joint/{version}/manifest.json", json.dumps(manifest).encode())


def test_only_the_newest_the_current_and_the_one_before_it_stay(store: ModelStore) -> None:
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)
    store.switch("joint", to=2, expected=1)
    save(store, 3, 4, 5, 6)
    assert [one.version for one in store.versions("joint")] == [6, 5, 4, 2, 1]
    store.switch("joint", to=6, expected=2)
    save(store, 7)
    assert [one.version for one in store.versions("joint")] == [7, 6, 5, 2]


def test_what_is_pruned_leaves_no_file(store: ModelStore, house: House) -> None:
    save(store, 1, 2, 3, 4)
    assert not [file for file in house.files() if file.startswith("joint/1/")]


def test_a_damaged_pointer_is_an_error_and_removes_nothing(store: ModelStore, house: House) -> None:
    save(store, 1, 2, 3)
    store.switch("joint", to=1, expected=None)
    house.write("joint/current.json", b"nonsense")
    with pytest.raises(PermanentError, match="remove it and make one current"):
        store.current("joint")
    save(store, 4, 5)
    assert len(store.versions("joint")) == 5


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a" * 65])
def test_a_name_is_no_path(store: ModelStore, name: str) -> None:
    with pytest.raises(PermanentError, match="is no name of a model"):
        store.save(name, parts(), at=NOON)


def test_what_is_not_there_is_not_found(store: ModelStore) -> None:
    with pytest.raises(NotFoundError, match="no version 1"):
        store.load("joint", 1)
    with pytest.raises(NotFoundError, match="no version 1"):
        store.switch("joint", to=1, expected=None)


def test_keeping_no_version_is_refused(house: House) -> None:
    with pytest.raises(MisconfiguredError, match="keep 1 or more"):
        house.store(keep=0)

"""What only models on an object store have: writers without a lock, and what is left of those that were killed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.conformance.test_models import NOON, parts, save, weight

from recoverops.model import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OutcomeUnknownError,
    RecoverOpsError,
    UnreachableError,
)
from recoverops.storage.models import ObjectModelStore
from recoverops.testing.objects import MemoryObjects


class KilledError(Exception):
    """Nothing after it is done, no cleaning up either."""


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects(now=lambda: NOON)


@pytest.fixture
def store(objects: MemoryObjects) -> ObjectModelStore:
    return ObjectModelStore(objects, keep=3)


def failing(call: str, ending: str, error: Exception) -> Callable[[str, str], None]:
    def before(asked: str, key: str) -> None:
        if asked == call and key.endswith(ending):
            raise error

    return before


def kill_before(objects: MemoryObjects, store: ObjectModelStore, file: str) -> None:
    objects.before = failing("put", file, KilledError())
    with pytest.raises(KilledError):
        save(store, 9)
    objects.before = lambda call, key: None


@pytest.mark.parametrize("file", ["arrays.npz", "manifest.json"])
def test_what_a_killed_writer_left_is_no_version_and_keeps_its_number(
    file: str, objects: MemoryObjects, store: ObjectModelStore
) -> None:
    save(store, 1)
    kill_before(objects, store, file)
    assert [one.version for one in store.versions("joint")] == [1]
    assert store.damaged("joint") == ()
    with pytest.raises(NotFoundError, match="no version 2"):
        store.load("joint", 2)
    save(store, 3)
    assert [one.version for one in store.versions("joint")] == [3, 1]
    assert weight(store.load("joint", 3).parts) == 3


def test_what_a_killed_writer_left_goes_when_it_is_a_day_old(objects: MemoryObjects, store: ObjectModelStore) -> None:
    kill_before(objects, store, "manifest.json")
    store.save("joint", parts(), at=NOON + timedelta(hours=23))
    assert "joint/1/arrays.npz" in objects.kept
    store.save("joint", parts(), at=NOON + timedelta(hours=25))
    assert not [key for key in objects.kept if key.startswith("joint/1/")]
    assert [one.version for one in store.versions("joint")] == [3, 2]


@pytest.mark.parametrize("file", ["model.json", "arrays.npz", "manifest.json"])
@pytest.mark.parametrize("error", [ForbiddenError("may not"), UnreachableError("away")])
def test_a_save_that_fails_leaves_nothing(
    file: str, error: RecoverOpsError, objects: MemoryObjects, store: ObjectModelStore
) -> None:
    save(store, 1)
    before = dict(objects.kept)
    objects.before = failing("put", file, error)
    with pytest.raises(type(error)):
        save(store, 2)
    assert objects.kept == before


def test_who_may_not_remove_saves_nothing_once_something_is_to_go(
    objects: MemoryObjects, store: ObjectModelStore
) -> None:
    save(store, 1, 2, 3)
    before = dict(objects.kept)
    objects.before = failing("delete", "", ForbiddenError("may not"))
    with pytest.raises(ForbiddenError):
        save(store, 4)
    assert [one.version for one in store.versions("joint")] == [3, 2, 1]
    assert before.items() <= objects.kept.items()


def test_a_version_that_is_half_removed_is_none(objects: MemoryObjects, store: ObjectModelStore) -> None:
    save(store, 1, 2, 3)
    objects.before = failing("delete", "1/arrays.npz", UnreachableError("away"))
    with pytest.raises(UnreachableError):
        save(store, 4)
    assert [one.version for one in store.versions("joint")] == [3, 2]
    assert store.damaged("joint") == ()


def test_a_number_that_somebody_takes_in_between_is_not_ours(objects: MemoryObjects, store: ObjectModelStore) -> None:
    def somebody(call: str, key: str) -> None:
        if call == "put":
            objects.before = lambda call, key: None
            ObjectModelStore(objects).save("joint", parts(7), at=NOON)

    objects.before = somebody
    assert store.save("joint", parts(8), at=NOON).version == 2
    assert [weight(store.load("joint", one).parts) for one in (1, 2)] == [7, 8]


def test_a_pointer_that_somebody_moves_in_between_is_a_conflict(
    objects: MemoryObjects, store: ObjectModelStore
) -> None:
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)

    def somebody(call: str, key: str) -> None:
        if call == "put":
            objects.before = lambda call, key: None
            ObjectModelStore(objects).switch("joint", to=2, expected=1)

    objects.before = somebody
    with pytest.raises(ConflictError, match="made current at the same moment; look again"):
        store.switch("joint", to=1, expected=1)
    assert store.current("joint") == 2


def test_a_lost_answer_loses_no_version_and_no_switch(objects: MemoryObjects, store: ObjectModelStore) -> None:
    objects.after = failing("put", "", OutcomeUnknownError("no answer; it may have taken effect"))
    save(store, 1)
    store.switch("joint", to=1, expected=None)
    objects.after = lambda call, key: None
    assert [one.version for one in store.versions("joint")] == [1]
    assert store.current("joint") == 1


def test_a_manifest_is_fetched_once(objects: MemoryObjects, store: ObjectModelStore) -> None:
    save(store, 1, 2)
    store.versions("joint")
    objects.calls.clear()
    store.versions("joint")
    assert objects.calls == ["list"]

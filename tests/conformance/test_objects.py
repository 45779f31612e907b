"""What every `ObjectStore` promises: S3 with exactly the rights of the generated policy, and the double in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from tests.integration.aws.buckets import Bucket

from recoverops.model import ConflictError, NotFoundError
from recoverops.ports import ObjectStore
from recoverops.testing.objects import MemoryObjects

STORES: dict[str, Callable[[pytest.FixtureRequest], ObjectStore]] = {
    "memory": lambda request: MemoryObjects(),
    "s3": lambda request: Bucket(request.getfixturevalue("aws")).store(),
}


@pytest.fixture(params=STORES)
def objects(request: pytest.FixtureRequest) -> ObjectStore:
    return STORES[request.param](request)


def test_what_is_put_is_there(objects: ObjectStore) -> None:
    tag = objects.put("joint/1/a.bin", b"\x00\xff" * 1000, over=None)
    found = objects.get("joint/1/a.bin")
    assert (found.data, found.tag) == (b"\x00\xff" * 1000, tag)
    assert not objects.url.endswith("/")


def test_nothing_is_written_where_something_is(objects: ObjectStore) -> None:
    objects.put("a", b"first", over=None)
    with pytest.raises(ConflictError):
        objects.put("a", b"second", over=None)
    assert objects.get("a").data == b"first"


def test_only_what_was_seen_is_replaced(objects: ObjectStore) -> None:
    first = objects.put("a", b"first", over=None)
    second = objects.put("a", b"second", over=first)
    with pytest.raises(ConflictError):
        objects.put("a", b"third", over=first)
    assert objects.get("a").data == b"second"
    objects.delete("a")
    with pytest.raises(ConflictError):
        objects.put("a", b"fourth", over=second)
    with pytest.raises(NotFoundError):
        objects.get("a")


def test_what_is_not_there_is_not_found_and_may_be_removed(objects: ObjectStore) -> None:
    with pytest.raises(NotFoundError, match="there is no object"):
        objects.get("nothing/here")
    objects.delete("nothing/here")


def test_a_list_has_what_begins_so_by_key(objects: ObjectStore) -> None:
    for key in ("b/2", "b/10", "a", "b-other"):
        objects.put(key, key.encode(), over=None)
    assert [one.key for one in objects.list("b/")] == ["b/10", "b/2"]
    assert [one.key for one in objects.list("")] == ["a", "b-other", "b/10", "b/2"]
    assert objects.list("c") == ()
    (found,) = objects.list("b/10")
    assert (found.size, found.tag) == (4, objects.get("b/10").tag)
    assert found.at.tzinfo is not None


def test_of_many_who_write_at_once_one_wins(objects: ObjectStore) -> None:
    tag, outcomes = objects.put("a", b"-", over=None), list[str]()
    begin = threading.Barrier(8)

    def write(number: int) -> None:
        begin.wait()
        try:
            objects.put("a", f"{number}".encode(), over=tag)
            outcomes.append("won")
        except ConflictError:
            outcomes.append("lost")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(outcomes) == ["lost"] * 7 + ["won"]

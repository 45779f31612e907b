"""Which shards of a stream may be read now: children only after their parents are read to the end. Pure.

Splitting or merging a shard closes it; its records stay in it, and everything newer is in its children. So the order of
a partition key is kept, and nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recoverops.model import Mark, Record, StreamParts


class Shard(Record, frozen=True, kw_only=True):
    id: str
    parents: tuple[str, ...] = ()
    is_open: bool = True

    @classmethod
    def of(cls, listed: Mapping[str, Any]) -> Shard:
        """As ListShards tells it."""
        parents = (listed.get("ParentShardId"), listed.get("AdjacentParentShardId"))
        return cls(
            id=listed["ShardId"],
            parents=tuple(one for one in parents if one),
            is_open="EndingSequenceNumber" not in listed.get("SequenceNumberRange", {}),
        )


def parts_of(shards: Sequence[Shard], known: Iterable[Mark], *, from_latest: bool) -> StreamParts:
    """`from_latest`: shards that were closed before anything was read are left out, instead of read first."""
    listed = {one.id: one for one in shards}
    marks = {one.part: one for one in known}
    before = _closed_before(listed, marks) if from_latest else frozenset[str]()

    def is_over(shard: str) -> bool:
        mark = marks.get(shard)
        return shard not in listed or shard in before or (mark is not None and mark.is_finished)

    ready = tuple(
        one.id for one in shards if not is_over(one.id) and (one.id in marks or all(map(is_over, one.parents)))
    )
    gone = tuple(part for part, mark in marks.items() if mark.is_finished and part not in listed)
    return StreamParts(ready=ready, gone=gone)


def _closed_before(listed: Mapping[str, Shard], marks: Mapping[str, Mark]) -> frozenset[str]:
    """Closed ones that nobody has begun, nor anything that they came from."""
    found = set()
    for shard in listed.values():
        if not shard.is_open and not _has_marked_ancestor(shard.id, listed, marks):
            found.add(shard.id)
    return frozenset(found)


def _has_marked_ancestor(shard: str, listed: Mapping[str, Shard], marks: Mapping[str, Mark]) -> bool:
    """Or is marked itself."""
    waiting, seen = [shard], set[str]()
    while waiting:
        one = waiting.pop()
        if one in marks:
            return True
        if one in listed and one not in seen:
            seen.add(one)
            waiting += listed[one].parents
    return False


def is_child_of_read(shard: str, shards: Sequence[Shard], known: Iterable[Mark]) -> bool:
    """Whether its parents have been read here: then it is read from its beginning, wherever reading began once."""
    marked = {one.part for one in known}
    return any(parent in marked for one in shards if one.id == shard for parent in one.parents)

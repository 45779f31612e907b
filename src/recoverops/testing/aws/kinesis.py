"""What moto's Kinesis lacks, on top of it: shards as they are in AWS.

In AWS a shard that is split or merged keeps its records, and its iterators end (null) when they are read; moto moves
all records into the children, where they come again, and its iterators never end. In AWS a sequence number is unique in
the stream and an iterator counts for five minutes; moto counts in each shard from 1, and an iterator counts for ever.
Reading is faster here too: moto walks through all records of a shard at each call.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LOCK = threading.RLock()
_FIRST = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_802
"""Sequence numbers are long in AWS: some 56 digits. Who takes them for small numbers shall notice."""


class Expiry:
    """Iterators that were handed out before `now` count no more."""

    def __init__(self) -> None:
        self.generation = 0

    def expire_iterators(self) -> None:
        self.generation += 1


@contextmanager
def real_shards(expiry: Expiry) -> Iterator[None]:
    """Shards behave as in AWS for the time of the context."""
    from moto.kinesis.models import KinesisBackend, Shard, Stream

    replaced: dict[tuple[type[Any], str], Any] = {
        (Stream, "split_shard"): _split,
        (Stream, "merge_shards"): _merge,
        (Stream, "get_shard_for_key"): _open_shard_for(Stream.get_shard_for_key),
        (Shard, "put_record"): _put,
        (KinesisBackend, "get_shard_iterator"): _iterator(KinesisBackend.get_shard_iterator, expiry),
        (KinesisBackend, "get_records"): _records(expiry),
    }
    usual = {key: getattr(*key) for key in replaced}
    for (owner, name), function in replaced.items():
        setattr(owner, name, function)
    try:
        yield
    finally:
        for (owner, name), function in usual.items():
            setattr(owner, name, function)


def _put(shard: Any, partition_key: str, data: str, explicit_hash_key: str) -> str:
    from moto.kinesis.models import Record

    with _LOCK:
        _put.count += 1  # type: ignore[attr-defined]
        number = _FIRST + _put.count  # type: ignore[attr-defined]
        shard.records[number] = Record(partition_key, data, number, explicit_hash_key)
    return str(number)


_put.count = 0  # type: ignore[attr-defined]


def _split(stream: Any, shard_to_split: str, new_starting_hash_key: str) -> None:
    from moto.kinesis.models import Shard

    with _LOCK:
        parent, at = stream.shards[shard_to_split], int(new_starting_hash_key)
        _claim(parent.is_open and parent.starting_hash < at <= parent.ending_hash, shard_to_split)
        number = _next_number(stream)
        for offset, (start, end) in enumerate(((parent.starting_hash, at - 1), (at, parent.ending_hash))):
            child = Shard(number + offset, start, end, parent=parent.shard_id)
            stream.shards[child.shard_id] = child
        parent.is_open = False


def _merge(stream: Any, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
    from moto.kinesis.models import Shard

    with _LOCK:
        pair = (stream.shards[shard_to_merge], stream.shards[adjacent_shard_to_merge])
        low, high = sorted(pair, key=lambda one: one.starting_hash)
        _claim(low.is_open and high.is_open and low.ending_hash + 1 == high.starting_hash, adjacent_shard_to_merge)
        child = Shard(
            _next_number(stream),
            low.starting_hash,
            high.ending_hash,
            parent=shard_to_merge,
            adjacent_parent=adjacent_shard_to_merge,
        )
        stream.shards[child.shard_id] = child
        low.is_open = high.is_open = False


def _claim(is_allowed: bool, shard: str) -> None:
    from moto.kinesis.exceptions import InvalidArgumentError

    if not is_allowed:
        raise InvalidArgumentError(f"{shard} is closed, or these shards and keys do not fit")


def _next_number(stream: Any) -> int:
    return 1 + max(int(one.shard_id.rpartition("-")[2]) for one in stream.shards.values())


def _open_shard_for(usual: Any) -> Any:
    """Moto takes the first shard that the key falls into, also a closed one."""

    def find(stream: Any, partition_key: str, explicit_hash_key: str) -> Any:
        with _LOCK:
            every = stream.shards
            stream.shards = {name: one for name, one in every.items() if one.is_open}
            try:
                return usual(stream, partition_key, explicit_hash_key)
            finally:
                stream.shards = every

    return find


def _iterator(usual: Any, expiry: Expiry) -> Any:
    def get(backend: Any, *given: Any, **named: Any) -> str:
        return f"{expiry.generation}/{usual(backend, *given, **named)}"

    return get


def _records(expiry: Expiry) -> Any:
    def get(backend: Any, stream_arn: str | None, shard_iterator: str, limit: int | None) -> Any:
        from moto.kinesis.utils import compose_shard_iterator, decompose_shard_iterator

        generation, _, plain = shard_iterator.partition("/")
        if int(generation) < expiry.generation:
            raise _expired()
        stream_name, shard_id, last = decompose_shard_iterator(plain)
        stream = backend.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
        shard = stream.get_shard(shard_id)
        with _LOCK:
            numbers = list(shard.records)
            begin = bisect_right(numbers, int(last))
            chosen = numbers[begin : begin + (limit or 10_000)]
            records = [shard.records[number] for number in chosen]
            is_at_end = begin + len(chosen) == len(numbers)
            newest = shard.records[numbers[-1]].created_at if numbers else 0.0
            is_over = is_at_end and not shard.is_open
        behind = 0 if is_at_end else int(1000 * (newest - records[-1].created_at)) + 1
        following = compose_shard_iterator(stream_name, shard, records[-1].sequence_number if records else int(last))
        return None if is_over else f"{expiry.generation}/{following}", records, behind

    return get


def _expired() -> Exception:
    from moto.core.exceptions import JsonRESTError

    found: Exception = JsonRESTError(
        "ExpiredIteratorException", "Iterator expired. The iterator was created too long ago."
    )
    return found

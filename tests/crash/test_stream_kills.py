"""A Kinesis stream is read to its end although its reader is killed twice and the stream is resharded meanwhile.

The reader is a real process, killed with SIGKILL wherever it happens to be; the stream is the double of AWS over HTTP.
What the store has at the end is compared with what was sent: the sums by severity and sign, and every id.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.acceptance.harness import eventually
from tests.integration.aws.streams import Stream, counts_of, expected, unknown_ids

from recoverops.clock import SystemClock
from recoverops.model import ConflictError, UnreachableError
from recoverops.storage import SqlStore, StorageSettings, open_store
from recoverops.testing.aws import Aws, Key

CHILD = Path(__file__).parent / "stream_child.py"
LEASE_S = 4
"""Of readers that share a store: after so long others take what a killed one held."""


class Reading:
    """The child, and a look into its store from outside."""

    def __init__(self, aws: Aws, stream: Stream, directory: Path, *, at_once: int, database: str = "") -> None:
        may = {"Effect": "Allow", "Action": "kinesis:*", "Resource": stream.arn}
        key: Key = aws.user({"Version": "2012-10-17", "Statement": [may]})
        self._words = [aws.url, key.id, key.secret, stream.arn, str(at_once)]
        self.source = f"kinesis-{stream.name}"
        self._directory = directory
        self._database = database
        self._store: SqlStore | None = None

    @contextmanager
    def life(self, owner: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """One process; whatever happens, it is killed at the end. With a name it is one of several."""
        shared = [self._database, owner, str(LEASE_S)] if owner else []
        process = subprocess.Popen([sys.executable, str(CHILD), str(self._directory / owner), *self._words, *shared])
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(20)

    def store(self) -> SqlStore:
        if self._store is None:
            settings = StorageSettings(url=SecretStr(self._database))
            self._store = open_store(settings, data_dir=self._directory, clock=SystemClock())
        return self._store

    def owners(self) -> set[str]:
        """Who holds a part that is not read to its end."""
        now = SystemClock().now()
        marks = self.store().read(lambda tx: tx.streams.marks(self.source))
        return {one.owner for one in marks if one.is_held(now) and not one.is_finished}

    def counted(self) -> int:
        if not self._database and not (self._directory / "recoverops.sqlite").exists():
            return 0
        try:
            return sum(counts_of(self.store(), self.source).values())
        except (UnreachableError, ConflictError):  # it is being made
            return 0

    def wait_until(self, records: int, process: subprocess.Popen[bytes], *, within_s: float = 120.0) -> int:
        deadline = time.monotonic() + within_s
        while (found := self.counted()) < records:
            assert process.poll() is None, "the reader ended by itself"
            assert time.monotonic() < deadline, f"{found} of {records} records are counted"
            time.sleep(0.05)
        return found

    def close(self) -> None:
        if self._store is not None:
            self._store.close()


def read_through_two_kills(aws: Aws, directory: Path, *, events: int, each: int, at_once: int) -> None:
    stream = Stream(aws, shards=2)
    reading = Reading(aws, stream, directory, at_once=at_once)
    half = events // 2
    try:
        stream.send(half, each=each, repeat_every=11)
        with reading.life() as first:
            at_first_kill = reading.wait_until(events // 10, first)
        stream.split()
        stream.send(half // 2, each=each, repeat_every=11)
        with reading.life() as second:
            at_second_kill = reading.wait_until(at_first_kill + events // 5, second)
        stream.merge()
        stream.send(events - half - half // 2, each=each)
        assert at_second_kill < events, "it was killed on its way"
        with reading.life() as third:
            reading.wait_until(events, third)

        assert unknown_ids(reading.store(), reading.source, events) == 0, "no record is lost"
        assert counts_of(reading.store(), reading.source, signs=True) == expected(events), "and none counted twice"
        finished = [one for one in reading.store().read(lambda tx: tx.streams.marks(reading.source)) if one.is_finished]
        assert len(finished) == 3, "the shard that was split, and the two that were merged"
    finally:
        reading.close()


def test_ten_thousand_records_a_reshard_and_two_kills(aws: Aws, tmp_path: Path) -> None:
    read_through_two_kills(aws, tmp_path / "data", events=10_000, each=5, at_once=300)


def test_two_readers_on_one_postgresql_share_the_shards_and_when_one_is_killed_the_other_takes_its_part(
    aws: Aws, tmp_path: Path, postgres_schema_url: str
) -> None:
    stream, events = Stream(aws, shards=4), 10_000
    reading = Reading(aws, stream, tmp_path, at_once=200, database=postgres_schema_url)
    try:
        stream.send(events // 2, each=5, repeat_every=11)
        with reading.life("one") as one:
            with reading.life("two") as two:
                eventually("each reader to hold a shard", lambda: reading.owners() == {"one", "two"}, within_s=60)
                reading.wait_until(events // 5, two)
            # when the second is killed, and more comes
            stream.send(events // 2, each=5)
            reading.wait_until(events, one)
            # then the first has read everything that the other held
            assert unknown_ids(reading.store(), reading.source, events) == 0, "no record is lost"
            assert counts_of(reading.store(), reading.source, signs=True) == expected(events), "and none counted twice"
            eventually("the first to hold all", lambda: reading.owners() == {"one"}, within_s=60)
    finally:
        reading.close()


@pytest.mark.slow
def test_a_hundred_thousand_records_a_reshard_and_two_kills(aws: Aws, tmp_path: Path) -> None:
    read_through_two_kills(aws, tmp_path / "data", events=100_000, each=20, at_once=2_000)

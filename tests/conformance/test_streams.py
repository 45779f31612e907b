"""From a stream source to the store, on both databases: nothing lost, nothing counted twice, shared by leases."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from recoverops.api.telemetry import Metrics
from recoverops.app.streams import StreamWorker
from recoverops.model import (
    Alert,
    AlertStatus,
    Batch,
    ConflictError,
    Event,
    EventKind,
    LogRecord,
    LogSeverity,
    Mark,
    Sample,
    Service,
    UnreachableError,
)
from recoverops.pipeline import StreamIntake, share_of
from recoverops.testing import MemoryStream, check_stream_source
from recoverops.topology import Inventory

if TYPE_CHECKING:
    from tests.conftest import ManualClock, Records

    from recoverops.storage import SqlStore

LEASE = timedelta(seconds=30)
SERVICES = [
    Service(name="checkout", group="shop", match={"service": "checkout"}),
    Service(name="cart", group="shop", match={"host.name": "web-1"}),
]


def record(ident: str, a: Records, body: str = "INFO paid", **changes: object) -> LogRecord:
    fields: dict[str, object] = {"id": ident, "at": a.at, "body": body, "attributes": {"service.name": "checkout"}}
    return LogRecord(**fields | changes)  # type: ignore[arg-type]


class Engine:
    """One engine's worker on a store, stepped by hand."""

    def __init__(self, store: SqlStore, clock: ManualClock, stream: MemoryStream, owner: str = "a") -> None:
        self.store, self.clock, self.stream, self.metrics = store, clock, stream, Metrics()
        self.delivered: list[Sample] = []
        self.alerts = 0
        intake = StreamIntake(
            stream.name, store=store, clock=clock, inventory=Inventory(SERVICES), max_age=timedelta(minutes=5)
        )
        self.worker = StreamWorker(
            stream,
            intake,
            store,
            clock,
            self.metrics,
            owner=owner,
            lease=LEASE,
            deliver=self.delivered.extend,
            alerts_stored=self._alert,
        )
        self.worker.ask_to_stop()  # so that a round does not wait at its end

    def _alert(self) -> None:
        self.alerts += 1

    def rounds(self, count: int = 1) -> None:
        for _ in range(count):
            self.worker.round()

    def state(self) -> str:
        return self.worker.status.state

    def marks(self) -> dict[str, Mark]:
        return {one.part: one for one in self.store.read(lambda tx: tx.streams.marks(self.stream.name))}

    def counts(self) -> Counter[tuple[str, str]]:
        since = self.clock.now() - timedelta(days=1)
        found: Counter[tuple[str, str]] = Counter()
        for one in self.store.read(lambda tx: tx.streams.counts(self.stream.name, since=since)):
            found[one.resource, one.what] += one.records
        return found

    def sample(self, metric: str) -> float | None:
        return next((one.value for one in reversed(self.delivered) if one.metric == metric), None)


@pytest.fixture
def stream() -> MemoryStream:
    return MemoryStream()


@pytest.fixture
def engine(store: SqlStore, clock: ManualClock, stream: MemoryStream) -> Engine:
    return Engine(store, clock, stream)


def test_the_stream_in_memory_keeps_the_contract(stream: MemoryStream, a: Records) -> None:
    stream.content = {"one": [record(str(n), a) for n in range(25)], "two": []}
    assert sum(len(batch.logs) for batch in check_stream_source(stream)) == 25


def test_records_are_counted_by_service_severity_and_sign(engine: Engine, stream: MemoryStream, a: Records) -> None:
    stream.content = {
        "one": [
            record("1", a),
            record("2", a, "ERROR bind: address already in use"),
            record("3", a, "whatever", severity=LogSeverity.FATAL, attributes={"host.name": "web-1"}),
            record("4", a, "who am I", attributes={}),
        ]
    }
    engine.rounds()
    assert engine.counts() == {
        ("service:checkout", "severity:info"): 1,
        ("service:checkout", "severity:error"): 1,
        ("service:checkout", "log.port_in_use"): 1,
        ("service:cart", "severity:fatal"): 1,
        ("", "severity:unknown"): 1,
    }
    assert engine.sample("log.port_in_use") == 0.0, "of cart, told last"
    told = {(one.resource.name, one.metric): one for one in engine.delivered}
    assert told["checkout", "log.errors"].value == 1
    assert told["checkout", "log.port_in_use"].detail == "ERROR bind: address already in use"
    assert told["memory", "source.up"].value == 1
    engine.clock.advance(timedelta(seconds=20))
    engine.rounds()
    assert {one.value for one in engine.delivered[-11:] if one.metric.startswith("log.")} == {0.0}


def test_what_is_delivered_twice_counts_once_within_a_batch_and_between_batches(
    engine: Engine, stream: MemoryStream, a: Records
) -> None:
    stream.content = {"one": [record(ident, a) for ident in ("1", "2", "1")]}
    engine.rounds()
    stream.content["one"] += [record("2", a, "ERROR again"), record("3", a), record("", a), record("", a)]
    engine.rounds()
    assert engine.counts() == {("service:checkout", "severity:info"): 5}
    assert engine.sample("log.errors") == 0.0, "a duplicate is not judged either"
    page = engine.metrics.page().decode()
    assert 'recoverops_stream_taken_total{outcome="duplicate",source="memory",what="records"} 2.0' in page
    assert 'recoverops_stream_taken_total{outcome="new",source="memory",what="records"} 5.0' in page


def test_records_of_a_backlog_are_counted_and_not_judged(engine: Engine, stream: MemoryStream, a: Records) -> None:
    stream.content = {"one": [record("1", a, "ERROR old", at=a.at - timedelta(hours=1))]}
    engine.rounds()
    assert engine.counts() == {("service:checkout", "severity:error"): 1}
    assert engine.sample("log.errors") is None


def test_events_and_alerts_are_stored_once_with_the_mark(engine: Engine, stream: MemoryStream, a: Records) -> None:
    deployed = Event(
        source="memory",
        id="e1",
        at=a.at,
        kind=EventKind.DEPLOYMENT,
        summary="v2",
        attributes={"service.name": "checkout"},
    )
    stream.content = {"one": [deployed, deployed]}
    engine.rounds()
    (stored,) = engine.store.read(lambda tx: tx.events.listed())
    assert [str(one) for one in stored.event.resources] == ["service:checkout"]

    alert = Alert(source="memory", fingerprint="f", status=AlertStatus.FIRING, starts_at=a.at)
    now = engine.clock.now()
    mark = engine.store.write(lambda tx: tx.streams.claim("memory", "queue", owner="a", now=now, until=now + LEASE))
    intake = engine.worker._intake
    taken = intake.take(mark, Batch(position="1", alerts=(alert, alert)), until=now + LEASE)
    assert (taken.alerts, taken.duplicate_alerts) == (1, 1)
    assert len(engine.store.read(lambda tx: tx.signals.pending(limit=9))) == 1


def test_an_engine_that_dies_before_the_commit_loses_nothing_and_after_it_counts_nothing_twice(
    engine: Engine, stream: MemoryStream, store: SqlStore, clock: ManualClock, a: Records
) -> None:
    stream.content = {"one": [record("", a) for _ in range(30)]}
    engine.worker._share()
    mark = engine.worker._held["one"]
    read_and_lost = stream.poll("one", mark.position)
    assert len(read_and_lost.logs) == 10
    engine.worker._commit(mark, read_and_lost)  # and dies before it can go on

    reborn = Engine(store, clock, stream)
    reborn.rounds(2)
    assert reborn.counts() == {("service:checkout", "severity:info"): 30}
    assert reborn.marks()["one"].position == "30"


def test_a_batch_under_a_stale_fence_is_dropped_as_a_whole(
    engine: Engine, stream: MemoryStream, store: SqlStore, clock: ManualClock, a: Records
) -> None:
    stream.content = {"one": [record("", a) for _ in range(10)]}
    engine.worker._share()
    stale = engine.worker._held["one"]
    clock.advance(LEASE)
    other = Engine(store, clock, stream, owner="b")
    other.rounds()
    assert other.marks()["one"].owner == "b"

    with pytest.raises(ConflictError):
        engine.worker._commit(stale, stream.poll("one", ""))
    engine.rounds()
    assert engine.counts() == {("service:checkout", "severity:info"): 10}
    assert "one" not in engine.worker._held


def test_two_engines_share_the_parts_and_one_takes_all_when_the_other_is_silent(
    store: SqlStore, clock: ManualClock, stream: MemoryStream, a: Records
) -> None:
    stream.content = {f"part-{n}": [record(f"{n}-{m}", a) for m in range(3)] for n in range(4)}
    one, two = Engine(store, clock, stream, "one"), Engine(store, clock, stream, "two")
    one.rounds()
    assert set(one.worker._held) == set(stream.content), "alone it has all"
    two.rounds()
    one.rounds()
    two.rounds()
    assert len(one.worker._held) == len(two.worker._held) == 2
    assert set(one.worker._held) | set(two.worker._held) == set(stream.content)

    clock.advance(LEASE)
    two.rounds()
    assert set(two.worker._held) == set(stream.content)
    one.rounds()
    assert one.counts() == {("service:checkout", "severity:info"): 12}


def test_an_engine_that_ends_lets_go_at_once(
    engine: Engine, store: SqlStore, clock: ManualClock, stream: MemoryStream
) -> None:
    stream.content = {"one": []}
    engine.rounds()
    engine.worker.release_all()
    other = Engine(store, clock, stream, "b")
    other.rounds()
    assert set(other.worker._held) == {"one"}


def test_a_finished_part_is_left_and_what_is_gone_is_forgotten(
    engine: Engine, stream: MemoryStream, a: Records
) -> None:
    stream.content = {"old": [record("1", a)], "new": []}
    stream.finished = {"old"}
    engine.rounds(2)
    assert engine.marks()["old"].is_finished
    assert set(engine.worker._held) == {"new"}
    stream.content.pop("old")
    stream.gone = ("old",)
    engine.rounds()
    assert set(engine.marks()) == {"new"}


def test_a_part_that_fails_is_told_and_tried_later_and_later_while_the_others_go_on(
    engine: Engine, stream: MemoryStream, a: Records
) -> None:
    stream.content = {"bad": [record("1", a)], "good": [record("2", a)]}
    stream.failing = {"bad": UnreachableError("the permission x is missing")}
    engine.rounds()
    assert engine.state() == "unreachable"
    assert engine.worker.status.statement == "1 of 2 parts cannot be read; bad: the permission x is missing"
    assert engine.sample("source.up") == 0
    assert engine.counts() == {("service:checkout", "severity:info"): 1}

    stream.failing = {}
    engine.rounds()
    assert engine.marks()["bad"].position == "", "its pause is not over"
    engine.clock.advance(timedelta(seconds=0.5))
    engine.rounds()
    assert engine.state() == "up"
    assert engine.counts() == {("service:checkout", "severity:info"): 2}


def test_a_source_that_cannot_say_its_parts_is_unreachable_and_says_nothing_of_services(
    engine: Engine, stream: MemoryStream, a: Records
) -> None:
    stream.content = {"one": [record("1", a, "ERROR x")]}
    engine.rounds()
    engine.delivered.clear()
    stream.failing = {"": UnreachableError("no answer")}
    engine.rounds()
    assert engine.worker.status.statement == "no answer"
    assert [one.metric for one in engine.delivered] == ["source.up"]


def test_what_was_committed_is_confirmed_to_the_other_side_and_an_idle_round_writes_nothing(
    engine: Engine, stream: MemoryStream, a: Records
) -> None:
    stream.content = {"one": [record("1", a)]}
    engine.rounds()
    assert [one.receipts for one in stream.confirmed] == [("1",)]
    before = engine.marks()["one"]
    engine.rounds()
    assert engine.marks()["one"] == before
    engine.clock.advance(LEASE * 0.6)
    engine.rounds()
    assert engine.marks()["one"].until == engine.clock.now() + LEASE, "renewed although nothing came"
    assert engine.marks()["one"].fence == before.fence


class Garbled(MemoryStream):
    """Has nothing but what nobody can read, and stays where it is, as a queue does."""

    def poll(self, part: str, position: str) -> Batch:
        return Batch(position=position, unreadable=2)


def test_what_nobody_can_read_is_counted_also_when_nothing_else_came(store: SqlStore, clock: ManualClock) -> None:
    stream = Garbled()
    stream.content = {"one": []}
    engine = Engine(store, clock, stream)
    engine.rounds()
    page = engine.metrics.page().decode()
    assert 'recoverops_stream_taken_total{outcome="unreadable",source="memory",what="records"} 2.0' in page
    assert len(stream.confirmed) == 1


def held(part: str, owner: str, a: Records, *, is_over: bool = False) -> Mark:
    until = a.at if is_over else a.at + LEASE
    return Mark(source="s", part=part, owner=owner, until=until)


@pytest.mark.parametrize(
    ("owners", "readers", "claim", "release"),
    [
        ({}, (), "abcd", ""),
        ({}, ("me",), "abcd", ""),
        ({}, ("me", "you"), "ab", ""),
        ({"a": "me", "b": "me", "c": "me", "d": "me"}, ("me", "you"), "", "cd"),
        ({"a": "you", "b": "you", "c": "you", "d": "you"}, ("me", "you"), "", ""),
        ({"a": "you", "b": "you"}, ("me", "you"), "cd", ""),
        ({"a": "gone", "b": "me"}, ("me",), "acd", ""),
        ({"a": "me"}, ("me", "x", "y"), "b", ""),
    ],
)
def test_everybody_takes_a_fair_share_and_nobody_takes_what_is_held(
    a: Records, owners: dict[str, str], readers: tuple[str, ...], claim: str, release: str
) -> None:
    marks = [held(part, owner, a, is_over=owner == "gone") for part, owner in owners.items()]
    share = share_of(tuple("abcd"), marks, readers, me="me", now=a.at)
    assert (share.claim, share.release) == (tuple(claim), tuple(release))

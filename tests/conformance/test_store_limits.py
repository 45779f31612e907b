"""Rates, cooldowns and locks: exact windows, and never more than the limit however many ask at once."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoverops.model import ConflictError, Resource, ResourceKind, RunId
from recoverops.storage.transaction import SqlTx

if TYPE_CHECKING:
    from tests.conftest import Records

    from recoverops.ports import Tx, Usage
    from recoverops.storage import SqlStore

HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)


def service(name: str) -> Resource:
    return Resource(kind=ResourceKind.SERVICE, name=name)


def reserve(store: SqlStore, run: str, target: str, at: datetime, *touches: str) -> None:
    resources = [service(name) for name in (target, *touches)]
    store.write(lambda tx: tx.limits.reserve(run_id=RunId(run), target=service(target), touches=resources, at=at))


def usage(store: SqlStore, target: str, now: datetime, ignoring: str | None = None) -> Usage:
    run = None if ignoring is None else RunId(ignoring)
    return store.write(lambda tx: tx.limits.usage(service(target), now=now, ignoring=run))


def free_at(store: SqlStore, now: datetime, *, most: int, window: timedelta = HOUR) -> datetime | None:
    return store.read(lambda tx: tx.limits.free_at(most=most, window=window, now=now))


def test_under_a_limit_that_was_lowered_there_is_room_when_enough_have_gone(store: SqlStore, a: Records) -> None:
    times = [a.at - timedelta(minutes=50 - number) for number in range(10)]
    for number, at in enumerate(times):
        reserve(store, f"run-{number}", f"s{number}", at)

    assert free_at(store, a.at, most=11) is None
    assert free_at(store, a.at, most=10) == times[0] + HOUR
    assert free_at(store, a.at, most=3) == times[7] + HOUR
    assert free_at(store, a.at, most=0) is None
    free = times[7] + HOUR
    assert usage(store, "checkout", free - TICK).in_last_hour == 3
    assert usage(store, "checkout", free).in_last_hour == 2


def test_an_empty_store_has_used_nothing(store: SqlStore, a: Records) -> None:
    answer = usage(store, "checkout", a.at)
    assert (answer.in_last_hour, answer.in_last_day, answer.last_on_target, answer.locked_by) == (0, 0, None, None)
    assert answer.targets_in_flight == ()
    assert free_at(store, a.at, most=1) is None


@pytest.mark.parametrize(
    ("age", "in_hour", "in_day"),
    [
        (timedelta(0), 1, 1),
        (HOUR - TICK, 1, 1),
        (HOUR, 0, 1),
        (DAY - TICK, 0, 1),
        (DAY, 0, 0),
        (-HOUR, 1, 1),  # the clock stepped back: that makes no room
    ],
)
def test_an_action_leaves_a_window_exactly_at_its_edge(
    store: SqlStore, a: Records, age: timedelta, in_hour: int, in_day: int
) -> None:
    reserve(store, "run-1", "checkout", a.at - age)
    answer = usage(store, "checkout", a.at)
    assert (answer.in_last_hour, answer.in_last_day) == (in_hour, in_day)
    assert free_at(store, a.at, most=1) == (a.at - age + HOUR if in_hour else None)
    assert free_at(store, a.at, most=1, window=DAY) == (a.at - age + DAY if in_day else None)
    assert answer.last_on_target == a.at - age


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages=st.lists(st.timedeltas(min_value=timedelta(0), max_value=2 * DAY), max_size=12))
def test_windows_count_what_a_plain_count_counts(store: SqlStore, a: Records, ages: list[timedelta]) -> None:
    times = [a.at - age for age in ages]

    def law(tx: Tx) -> None:
        for number, at in enumerate(times):
            resource = service(f"s{number}")
            tx.limits.reserve(run_id=RunId(f"run-{number}"), target=resource, touches=(), at=at)
        answer = tx.limits.usage(service("s0"), now=a.at)
        hour = [at for at in times if at > a.at - HOUR]
        day = [at for at in times if at > a.at - DAY]
        assert (answer.in_last_hour, answer.in_last_day) == (len(hour), len(day))
        for most in range(14):
            free = tx.limits.free_at(most=most, window=DAY, now=a.at)
            left = sorted(day)[len(day) - most :] if most else []
            assert free == (left[0] + DAY if 0 < most <= len(day) else None)
        assert answer.last_on_target == (times[0] if times else None)
        raise _UndoneError

    with pytest.raises(_UndoneError):
        store.write(law)


class _UndoneError(Exception):
    """Rolls one example back."""


def test_a_held_lock_is_a_conflict_that_names_its_run_and_reserves_nothing(store: SqlStore, a: Records) -> None:
    reserve(store, "run-1", "checkout", a.at, "payments")

    def second(tx: Tx) -> None:
        with pytest.raises(ConflictError, match="service:payments is locked by run run-1"):
            tx.limits.reserve(run_id=RunId("run-2"), target=service("basket"), touches=[service("payments")], at=a.at)

    store.write(second)  # the caller goes on, and commits

    answer = usage(store, "checkout", a.at)
    assert (answer.in_last_hour, answer.locked_by) == (1, "run-1")
    assert answer.targets_in_flight == ("service:checkout", "service:payments")


def test_a_run_does_not_stand_in_its_own_way(store: SqlStore, a: Records) -> None:
    reserve(store, "run-1", "checkout", a.at)
    own = usage(store, "checkout", a.at, ignoring="run-1")
    assert (own.in_last_hour, own.last_on_target, own.locked_by, own.targets_in_flight) == (0, None, None, ())
    reserve(store, "run-1", "checkout", a.at)  # its lock is no conflict for itself, and each action counts
    assert usage(store, "checkout", a.at).in_last_hour == 2


def test_a_released_lock_is_free_and_its_action_stays_counted(store: SqlStore, a: Records) -> None:
    reserve(store, "run-1", "checkout", a.at)
    store.write(lambda tx: tx.limits.release(RunId("run-1")))
    answer = usage(store, "checkout", a.at)
    assert (answer.locked_by, answer.targets_in_flight, answer.in_last_hour) == (None, (), 1)
    reserve(store, "run-2", "checkout", a.at)


def test_a_cancelled_action_is_free_and_uncounted(store: SqlStore, a: Records) -> None:
    reserve(store, "run-1", "checkout", a.at)
    reserve(store, "run-2", "basket", a.at)
    store.write(lambda tx: tx.limits.cancel(RunId("run-1")))
    answer = usage(store, "checkout", a.at)
    assert (answer.locked_by, answer.in_last_hour, answer.last_on_target) == (None, 1, None)
    assert answer.targets_in_flight == ("service:basket",)


def test_a_dry_run_may_look_at_the_limits_in_a_read(store: SqlStore, a: Records) -> None:
    reserve(store, "run-1", "checkout", a.at)
    assert store.read(lambda tx: tx.limits.usage(service("checkout"), now=a.at)).in_last_hour == 1


def test_the_standing_names_each_targets_newest_action_after_the_asked_time(store: SqlStore, a: Records) -> None:
    minute = timedelta(minutes=1)
    reserve(store, "run-1", "checkout", a.at - 3 * minute)
    store.write(lambda tx: tx.limits.release(RunId("run-1")))
    reserve(store, "run-2", "checkout", a.at - 2 * minute)
    reserve(store, "run-3", "basket", a.at - 5 * minute)
    reserve(store, "run-4", "search", a.at - 2 * HOUR)

    standing = store.read(lambda tx: tx.limits.standing(now=a.at, acted_after=a.at - 5 * minute))

    assert [(one.target, one.at) for one in standing.last_actions] == [("service:checkout", a.at - 2 * minute)]
    assert (standing.in_last_hour, standing.in_last_day) == (3, 4)


def test_the_standing_names_every_lock_with_its_run_until_it_is_given_back(store: SqlStore, a: Records) -> None:
    reserve(store, "run-1", "checkout", a.at, "payments")
    reserve(store, "run-2", "basket", a.at + TICK)

    def locks() -> list[tuple[str, str, datetime]]:
        standing = store.read(lambda tx: tx.limits.standing(now=a.at, acted_after=a.at))
        return [(one.resource, one.run_id, one.since) for one in standing.locks]

    assert locks() == [
        ("service:basket", "run-2", a.at + TICK),
        ("service:checkout", "run-1", a.at),
        ("service:payments", "run-1", a.at),
    ]
    store.write(lambda tx: tx.limits.release(RunId("run-1")))
    assert locks() == [("service:basket", "run-2", a.at + TICK)]


def test_an_empty_store_stands_at_nothing(store: SqlStore, a: Records) -> None:
    standing = store.read(lambda tx: tx.limits.standing(now=a.at, acted_after=a.at - DAY))
    assert (standing.in_last_hour, standing.in_last_day, standing.last_actions, standing.locks) == (0, 0, (), ())


def test_twenty_threads_never_reserve_more_than_the_limit_and_never_lock_twice(store: SqlStore, a: Records) -> None:
    limit, threads, attempts = 10, 20, 3
    start = threading.Barrier(threads)
    number = itertools.count()

    def decide(tx: Tx, run: RunId, target: Resource) -> bool:
        left = tx.limits.usage(target, now=a.at)
        if left.in_last_hour >= limit or left.locked_by is not None:
            return False
        tx.limits.reserve(run_id=run, target=target, touches=[target], at=a.at)
        tx.audit.append(at=a.at, actor="engine", event="reserved", subject=run, detail={})
        return True

    def attempt(run: str, n: int) -> bool:
        return store.write(lambda tx: decide(tx, RunId(f"{run}-{n}"), service(f"s{n % 15}")))

    def worker(name: int) -> list[bool]:
        start.wait(timeout=30)
        # fifteen targets for sixty attempts: both the rate and the locks are contended
        return [attempt(f"run-{name}", next(number)) for _ in range(attempts)]

    with ThreadPoolExecutor(threads) as pool:
        answers = [answer for answers in pool.map(worker, range(threads)) for answer in answers]

    assert answers.count(True) == limit
    after = usage(store, "s0", a.at)
    assert after.in_last_hour == limit
    assert len(after.targets_in_flight) == limit
    assert store.read(lambda tx: tx.audit.verify()).entries == limit


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("isolation", ["SERIALIZABLE", "REPEATABLE READ"])
def test_a_decision_on_an_old_snapshot_is_sent_back_instead_of_spending_twice(
    store: SqlStore, a: Records, isolation: str
) -> None:
    with store.write_engine.connect().execution_options(isolation_level=isolation) as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM reservation")).scalar() == 0  # takes the snapshot
        reserve(store, "run-1", "checkout", a.at)
        with pytest.raises(sa.exc.OperationalError, match="could not serialize"):
            SqlTx(connection).limits.usage(service("checkout"), now=a.at)

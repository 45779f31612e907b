"""How the store stands: asked by writing, at most once a second by a clock that nobody sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from recoverops.app.store_standing import StoreStanding
from recoverops.model import ComponentState, UnreachableError
from recoverops.storage import SqlStore
from recoverops.workflows import VirtualClock


class SteppingClock(VirtualClock):
    def set_back(self, by: timedelta) -> None:
        self._now -= by


class Asked:
    """Stands in for the store."""

    def __init__(self) -> None:
        self.times = 0
        self.is_there = True

    def ping(self, *, timeout: timedelta) -> None:
        self.times += 1
        if not self.is_there:
            raise UnreachableError("the store is gone")


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock(datetime(2026, 3, 1, tzinfo=UTC))


def test_it_is_asked_at_most_once_a_second(clock: SteppingClock) -> None:
    store = Asked()
    standing = StoreStanding(cast(SqlStore, store), clock)
    for _ in range(10):
        assert standing.status().state is ComponentState.UP
        clock.advance(timedelta(seconds=0.25))
    assert store.times == 3


def test_a_clock_that_is_set_back_does_not_make_an_answer_last(clock: SteppingClock) -> None:
    store = Asked()
    standing = StoreStanding(cast(SqlStore, store), clock)
    assert standing.status().state is ComponentState.UP
    store.is_there = False
    clock.set_back(timedelta(hours=6))
    clock.advance(timedelta(seconds=1))
    assert standing.status().state is ComponentState.UNREACHABLE

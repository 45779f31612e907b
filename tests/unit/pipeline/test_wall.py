"""The wall clock that steps: noticed, counted for an hour, and never taken for a drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recoverops.pipeline import Wall
from recoverops.workflows import VirtualClock

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Steppable(VirtualClock):
    """A clock whose wall time somebody sets."""

    def step(self, by: timedelta) -> None:
        self._now += by


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("by", "told"),
    [(31, "stepped forward by 31 s"), (-7200, "stepped back by 7200 s"), (30, None), (-30, None), (0, None)],
)
def test_a_step_of_more_than_half_a_minute_is_told_either_way(by: float, told: str | None) -> None:
    clock = Steppable(NOON)
    wall = Wall(clock)
    clock.advance(seconds(5))
    clock.step(seconds(by))
    step = wall.last_step()
    assert (step is None) == (told is None)
    assert step is None or (told or "") in step.statement


def test_a_drift_that_adds_up_over_many_looks_is_no_step() -> None:
    clock = Steppable(NOON)
    wall = Wall(clock)
    for _ in range(100):
        clock.advance(seconds(1))
        clock.step(seconds(1))
        assert wall.last_step() is None


def test_an_hour_of_real_time_after_the_last_step_ends_the_care() -> None:
    clock = Steppable(NOON)
    wall = Wall(clock)
    clock.step(seconds(3600))
    assert wall.last_step() is not None
    clock.advance(seconds(1800))
    assert wall.last_step() is not None
    clock.step(seconds(-3600))
    assert wall.last_step() is not None
    clock.advance(seconds(3599))
    assert wall.last_step() is not None
    clock.advance(seconds(1))
    assert wall.last_step() is None
    assert wall.times_back() == 1


def test_each_step_is_handed_out_until_it_was_written_down() -> None:
    clock = Steppable(NOON)
    wall = Wall(clock)
    clock.step(seconds(60))
    clock.advance(seconds(1))
    found = wall.unrecorded()
    assert [one.by for one in found] == [seconds(60)]
    assert wall.unrecorded() == found
    wall.recorded(found)
    assert wall.unrecorded() == ()


@pytest.mark.parametrize(("ahead", "careful"), [(31, True), (30, False), (-3600, False)])
def test_a_store_that_knows_a_later_time_was_written_before_the_clock_was_set_back(ahead: float, careful: bool) -> None:
    wall = Wall(Steppable(NOON))
    wall.stored_before(NOON + seconds(ahead))
    assert (wall.last_step() is not None) is careful

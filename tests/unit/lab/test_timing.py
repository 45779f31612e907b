"""How long all is well before the first fault."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoverops.lab.judging import WARM_UP, JudgeBy
from recoverops.lab.timing import QUICK, Timing, timing_of
from recoverops.model import MisconfiguredError

TEN_MINUTES = timedelta(minutes=10)


def test_a_demo_begins_with_a_minute_a_quick_one_with_five_seconds_and_one_by_baselines_with_its_warm_up() -> None:
    assert timing_of(judge_by=JudgeBy.LIMITS) == Timing()
    assert timing_of(judge_by=JudgeBy.LIMITS, quick=True) == QUICK
    assert timing_of(judge_by=JudgeBy.BASELINES) == Timing(healthy_for=WARM_UP)


@pytest.mark.parametrize("judge_by", JudgeBy)
def test_the_healthy_stretch_may_be_given_and_nothing_else_changes(judge_by: JudgeBy) -> None:
    assert timing_of(judge_by=judge_by, healthy=TEN_MINUTES) == Timing(healthy_for=TEN_MINUTES)


@pytest.mark.parametrize(
    ("quick", "healthy", "told"),
    [
        (True, None, "5s of healthy traffic are too short to learn baselines from; give --healthy 90s or more"),
        (False, timedelta(seconds=30), "30s of healthy traffic are too short"),
        (True, TEN_MINUTES, "give one of them"),
        (False, timedelta(hours=1), "--healthy is 1h; expected 30m or less"),
    ],
)
def test_a_stretch_that_cannot_be_is_refused_with_the_way_out(
    *, quick: bool, healthy: timedelta | None, told: str
) -> None:
    with pytest.raises(MisconfiguredError, match=told):
        timing_of(judge_by=JudgeBy.BASELINES, quick=quick, healthy=healthy)

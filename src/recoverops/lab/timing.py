"""How long a demo waits for what. Pure; chosen by `command`, kept by `demo`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from recoverops.lab.judging import WARM_UP, JudgeBy
from recoverops.lab.recovery import QUIET
from recoverops.model import MisconfiguredError, format_duration

WELL_FOR = timedelta(seconds=60)
"""At most so long every single customer has to be served before a fault."""
LONGEST_HEALTHY = timedelta(minutes=30)
"""The customers go home after an hour, and every fault needs some of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    healthy_for: timedelta = timedelta(seconds=60)
    """How long everything has to be well, with nothing done, before the first fault."""
    healthy_between: timedelta = timedelta(seconds=5)
    """The same before each fault after it."""
    become_healthy_within: timedelta = timedelta(seconds=60)
    """Beyond the time that it has to be well for, before a fault; also for the start."""
    give_up_after: timedelta = timedelta(seconds=90)
    """For one scenario, from its fault."""
    quiet: timedelta = QUIET


QUICK = Timing(healthy_for=timedelta(seconds=5))


def timing_of(*, judge_by: JudgeBy, quick: bool = False, healthy: timedelta | None = None) -> Timing:
    """The usual timing, a quick one, or one with a healthy stretch of this length before the first fault.

    Raises MisconfiguredError for a stretch that is too long, or shorter than what baselines have to see first.
    """
    if quick and healthy is not None:
        raise MisconfiguredError("--quick and --healthy both say how long all is well first; give one of them")
    usual = QUICK if quick else Timing()
    if healthy is None and judge_by is JudgeBy.BASELINES and not quick:
        healthy = WARM_UP
    chosen = usual if healthy is None else replace(usual, healthy_for=healthy)
    told = format_duration(chosen.healthy_for)
    if judge_by is JudgeBy.BASELINES and chosen.healthy_for < WARM_UP:
        raise MisconfiguredError(
            f"{told} of healthy traffic are too short to learn baselines from; give --healthy "
            f"{format_duration(WARM_UP)} or more"
        )
    if chosen.healthy_for > LONGEST_HEALTHY:
        raise MisconfiguredError(f"--healthy is {told}; expected {format_duration(LONGEST_HEALTHY)} or less")
    return chosen

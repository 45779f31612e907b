"""`recoverops demo`: choose how it is shown, end in order on Ctrl-C, and turn the result into an exit code."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from rich.console import Console

from recoverops.clock import SystemClock
from recoverops.lab.demo import run_demo
from recoverops.lab.figures import DemoResult, to_plain
from recoverops.lab.judging import JudgeBy
from recoverops.lab.leftovers import Fate, clear
from recoverops.lab.lines import Lines
from recoverops.lab.picture import Picture
from recoverops.lab.timing import Timing, timing_of

HEALED, NOT_HEALED = 0, 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedBySignal(BaseException):
    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def main_demo(
    *,
    as_json: bool,
    keep: bool,
    quick: bool = False,
    only: tuple[str, ...] = (),
    judge_by: JudgeBy = JudgeBy.LIMITS,
    healthy: timedelta | None = None,
) -> int:
    """0: all healed and verified, and no false action. 1: not. 128 + n: ended by signal n.

    Nothing of it runs on, unless `keep`. `quick` shortens the healthy minute before the first fault to five seconds;
    `healthy` says how long it is; `only` names the faults to run; `judge_by` says by what RecoverOps judges metrics.
    Raises MisconfiguredError for a fault that does not exist, and for a stretch too short to learn baselines in.
    """
    timing = timing_of(judge_by=judge_by, quick=quick, healthy=healthy)
    try:
        with interruptible():
            result = _shown(as_json=as_json, keep=keep, only=only, timing=timing, judge_by=judge_by)
    except InterruptedBySignal as interrupted:
        print("interrupted; everything that the demo started has been ended", file=sys.stderr)  # noqa: T201
        return 128 + interrupted.signum
    if as_json:
        print(json.dumps(to_plain(result)), flush=True)  # noqa: T201
    return HEALED if result.is_healed else NOT_HEALED


def main_clean() -> int:
    """End and remove what demos of this user have left behind, and say so. 0, also when there was nothing."""
    cleared = clear(clock=SystemClock())
    for one in cleared:
        told = "is watched by somebody and was left alone" if one.fate is Fate.RUNNING else one.fate
        print(f"{one.directory}: {told}")  # noqa: T201
    if not cleared:
        print("no demo has left anything behind")  # noqa: T201
    return HEALED


def _shown(*, as_json: bool, keep: bool, only: tuple[str, ...], timing: Timing, judge_by: JudgeBy) -> DemoResult:
    if as_json:
        return run_demo(keep=keep, report=Lines(sys.stderr), only=only, timing=timing, judge_by=judge_by)
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        return run_demo(keep=keep, report=Lines(sys.stdout), only=only, timing=timing, judge_by=judge_by)
    with Picture(console) as picture:
        return run_demo(keep=keep, report=picture, only=only, timing=timing, judge_by=judge_by)


@contextmanager
def interruptible() -> Iterator[None]:
    """The first signal that asks to end interrupts; the ones after it do not disturb the clearing up."""

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        raise InterruptedBySignal(signum)

    before = {one: signal.signal(one, interrupt) for one in _SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)

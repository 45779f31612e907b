"""`python -m benchmarks.detection.lab`: how soon the lab's faults are detected by limits, and by baselines alone.

Each run is a whole demo on a shop of its own, once judged by limits and once by baselines, in turns, so that what else
the machine does meets both. The first one by baselines begins with a long healthy stretch, in which nothing may be
found. It takes long: about five minutes a run and way for all faults, and the stretch.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import median
from typing import Any

from benchmarks.detection.tables import table
from recoverops.lab import DemoResult, run_demo, timing_of
from recoverops.lab.judging import LEARN_FOR, WARM_UP, JudgeBy
from recoverops.lab.lines import Lines
from recoverops.model import parse_duration

WITHIN_S = 1.0
"""By so much detection by baselines may be later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One demo."""

    judge_by: JudgeBy
    result: DemoResult
    load: float
    """The load average of a minute when it ended; its own processes are in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """One fault, in seconds from the fault to its incident; infinite: it was not detected."""

    fault: str
    limits_s: tuple[float, ...]
    baselines_s: tuple[float, ...]
    wrong: int
    """Runs that were not healed, or for another cause."""

    @property
    def difference_s(self) -> float:
        """By how much the median is later by baselines."""
        return median(self.baselines_s) - median(self.limits_s)


def measure(*, runs: int, only: Sequence[str] = (), healthy: timedelta) -> tuple[Run, ...]:
    """`runs` demos of each way. Nothing that they started is left when it returns or raises."""
    return tuple(
        _run(judge_by, only, healthy=healthy if number == 0 else timedelta(0))
        for number in range(runs)
        for judge_by in JudgeBy
    )


def _run(judge_by: JudgeBy, only: Sequence[str], *, healthy: timedelta) -> Run:
    timing = timing_of(judge_by=judge_by)
    if judge_by is JudgeBy.BASELINES:
        timing = replace(timing, healthy_for=WARM_UP + healthy)
    result = run_demo(keep=False, report=Lines(sys.stderr), only=only, timing=timing, judge_by=judge_by)
    return Run(judge_by=judge_by, result=result, load=os.getloadavg()[0])


def detected(runs: Iterable[Run]) -> tuple[Detected, ...]:
    """Fault by fault, those that both ways have met."""
    seconds: dict[str, dict[JudgeBy, list[float]]] = {}
    wrong: dict[str, int] = {}
    for run in runs:
        for one in run.result.scenarios:
            of_fault = seconds.setdefault(one.fault, {way: [] for way in JudgeBy})
            of_fault[run.judge_by].append(math.inf if one.detected_s is None else one.detected_s)
            is_right = one.is_healed and one.cause == one.cause_expected
            wrong[one.fault] = wrong.get(one.fault, 0) + (not is_right)
    return tuple(
        Detected(
            fault=fault,
            limits_s=tuple(found[JudgeBy.LIMITS]),
            baselines_s=tuple(found[JudgeBy.BASELINES]),
            wrong=wrong[fault],
        )
        for fault, found in seconds.items()
        if all(found.values())
    )


def told(runs: Sequence[Run]) -> dict[str, Any]:
    """Everything measured, for a program."""
    by_baselines = [run for run in runs if run.judge_by is JudgeBy.BASELINES]
    return {
        "learn_for_s": LEARN_FOR.total_seconds(),
        "warm_up_s": WARM_UP.total_seconds(),
        "faults": [_plain(one) for one in detected(runs)],
        "healthy_s": max(run.result.healthy_s for run in by_baselines) - WARM_UP.total_seconds(),
        "false_alarms": {way.value: [_alarms(run) for run in runs if run.judge_by is way] for way in JudgeBy},
        "false_actions": {
            way.value: [run.result.false_actions for run in runs if run.judge_by is way] for way in JudgeBy
        },
        "ended": [run.result.statement for run in runs],
        "load": [round(run.load, 2) for run in runs],
    }


def _plain(one: Detected) -> dict[str, Any]:
    """JSON knows no infinity: null is what was not detected."""
    figures = {
        "limits_median_s": median(one.limits_s),
        "baselines_median_s": median(one.baselines_s),
        "difference_s": one.difference_s,
    }
    return {
        "fault": one.fault,
        "limits_s": [_finite(seconds) for seconds in one.limits_s],
        "baselines_s": [_finite(seconds) for seconds in one.baselines_s],
        **{name: _finite(seconds) for name, seconds in figures.items()},
        "wrong": one.wrong,
    }


def _finite(seconds: float) -> float | None:
    return round(seconds, 2) if math.isfinite(seconds) else None


def _alarms(run: Run) -> list[str]:
    return [one.title for one in run.result.false_alarms]


def page(measured: dict[str, Any], faults: Iterable[Detected]) -> str:
    """The same for people."""
    rows = [
        {
            "fault": one.fault,
            "by limits, s": _each(one.limits_s),
            "median": f"{median(one.limits_s):.2f}",
            "by baselines, s": _each(one.baselines_s),
            "median ": f"{median(one.baselines_s):.2f}",
            "later by": f"{one.difference_s:+.2f}",
            f"within {WITHIN_S:g} s": "met" if one.difference_s <= WITHIN_S else "MISSED",
            "wrong": one.wrong,
        }
        for one in faults
    ]
    alarms = measured["false_alarms"]
    return "\n".join(
        (
            table(rows) if rows else "no fault was met both ways\n",
            f"warm-up {measured['warm_up_s']:g} s, learned for {measured['learn_for_s']:g} s; then "
            f"{measured['healthy_s']:g} s of healthy traffic before the first fault of the first run by baselines",
            *(f"false alarms by {way}, run by run: {[len(one) for one in alarms[way]]}" for way in alarms),
            *(f"  {title}" for way in alarms for one in alarms[way] for title in one),
            *(f"false actions by {way}, run by run: {count}" for way, count in measured["false_actions"].items()),
            f"load average after each run: {measured['load']}",
        )
    )


def _each(seconds: Iterable[float]) -> str:
    return " ".join(f"{one:.2f}" for one in seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parsed(arguments)
    runs = measure(runs=given.runs, only=given.only, healthy=given.healthy)
    measured = told(runs)
    print(json.dumps(measured, indent=2) if given.json else page(measured, detected(runs)))
    return 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.lab", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="demos of each way (default 5)")
    parser.add_argument("--only", action="append", default=[], metavar="FAULT", help="may be repeated; default: all")
    parser.add_argument(
        "--healthy",
        type=parse_duration,
        default=timedelta(minutes=10),
        metavar="DURATION",
        help="healthy traffic after the warm-up of the first run by baselines (default 10m)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the page")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

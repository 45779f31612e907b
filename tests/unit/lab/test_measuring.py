"""The arithmetic of the benchmark that compares detection by limits with detection by baselines."""

from __future__ import annotations

import json
import math

from benchmarks.detection.lab import Run, detected, page, told

from recoverops.lab import DemoResult
from recoverops.lab.figures import Scenario, Traffic
from recoverops.lab.judging import JudgeBy


def scenario(fault: str, detected_s: float | None, *, cause: str = "high_cpu") -> Scenario:
    return Scenario(
        fault=fault,
        detected_s=detected_s,
        cause=cause,
        cause_expected="high_cpu",
        runbook=None,
        actions=(),
        verified=detected_s is not None,
        recovered_s=detected_s,
        resolved_s=None,
        service="shop",
        service_starts=0,
        failed_requests=0,
        statement="",
    )


def run(judge_by: JudgeBy, *scenarios: Scenario) -> Run:
    result = DemoResult(
        scenarios=scenarios,
        false_actions=0,
        policy=(),
        traffic=Traffic(sent=0, failed=0),
        statement="healed",
        healthy_s=90.0,
    )
    return Run(judge_by=judge_by, result=result, load=1.0)


LIMITS = [run(JudgeBy.LIMITS, scenario("cpu-burn", seconds)) for seconds in (5.0, 4.0, 9.0)]


def test_the_difference_is_that_of_the_medians() -> None:
    baselines = [run(JudgeBy.BASELINES, scenario("cpu-burn", seconds)) for seconds in (3.0, 30.0, 5.5)]

    [one] = detected([*LIMITS, *baselines])

    assert (one.difference_s, one.wrong) == (0.5, 0)
    assert "| +0.50 | met | 0 |" in page(told([*LIMITS, *baselines]), [one])


def test_a_fault_that_is_not_detected_most_times_is_missed_and_has_no_median() -> None:
    baselines = [run(JudgeBy.BASELINES, scenario("cpu-burn", seconds)) for seconds in (None, 3.0, None)]
    runs = [*LIMITS, *baselines]

    [one] = detected(runs)

    assert (one.difference_s, one.wrong) == (math.inf, 2)
    assert "MISSED" in page(told(runs), [one])
    [plain] = json.loads(json.dumps(told(runs), allow_nan=False))["faults"]
    assert (plain["baselines_s"], plain["baselines_median_s"]) == ([None, 3.0, None], None)


def test_a_run_with_another_cause_is_wrong_and_a_fault_met_one_way_only_is_left_out() -> None:
    baselines = run(JudgeBy.BASELINES, scenario("cpu-burn", 3.0, cause="slow_responses"), scenario("memory-leak", 8.0))

    [one] = detected([*LIMITS, baselines])

    assert (one.fault, one.wrong) == ("cpu-burn", 1)

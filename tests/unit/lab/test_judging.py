"""The lab judged by limits, or by the past of each metric alone."""

from __future__ import annotations

from recoverops.detection import DetectionSettings
from recoverops.lab.judging import LEARN_FOR, WARM_UP, JudgeBy, detection

USED_UP_OR_LATE = {
    "process.cpu.utilization",
    "process.memory.growth",
    "http.probe.duration",
    "http.server.duration",
    "http.server.error_ratio",
    "host.cpu.utilization",
    "host.memory.utilization",
}


def test_judged_by_limits_nothing_of_the_detection_differs_from_the_defaults() -> None:
    assert detection(JudgeBy.LIMITS) == {}
    assert {one.metric for one in DetectionSettings().thresholds} >= USED_UP_OR_LATE


def test_judged_by_baselines_no_limit_is_left_on_cpu_memory_latency_and_errors() -> None:
    settings = DetectionSettings.model_validate(detection(JudgeBy.BASELINES))

    assert not USED_UP_OR_LATE & {one.metric for one in settings.thresholds}
    assert {one.metric for one in settings.baselines} == USED_UP_OR_LATE


def test_judged_by_baselines_every_other_limit_is_as_by_default() -> None:
    settings = DetectionSettings.model_validate(detection(JudgeBy.BASELINES))

    default = DetectionSettings().thresholds
    assert settings.thresholds == tuple(one for one in default if one.metric not in USED_UP_OR_LATE)
    assert {"service.running", "disk.utilization"} <= {one.metric for one in settings.thresholds}


def test_judged_by_baselines_they_differ_from_the_defaults_in_how_long_they_learn_only() -> None:
    settings = DetectionSettings.model_validate(detection(JudgeBy.BASELINES))

    assert {one.learn_for for one in settings.baselines} == {LEARN_FOR}
    as_by_default = tuple(
        one.model_copy(update={"learn_for": default.learn_for})
        for one, default in zip(settings.baselines, DetectionSettings().baselines, strict=True)
    )
    assert as_by_default == DetectionSettings().baselines
    assert settings.stream == DetectionSettings().stream


def test_the_warm_up_outlasts_the_learning() -> None:
    assert WARM_UP > LEARN_FOR

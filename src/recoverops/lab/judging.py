"""By what the demo's RecoverOps judges metrics: the limits that it has out of the box, or their own past alone.

Judged by baselines there is no limit on CPU, memory, latency and errors; what stays limited is what has no usual value:
whether something runs, answers, has room left, or is heard at all. Called by `policy` for the file and its deviations.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

from recoverops.detection import DetectionSettings
from recoverops.model import format_duration


class JudgeBy(StrEnum):
    LIMITS = "limits"
    BASELINES = "baselines"


LEARN_FOR = timedelta(seconds=60)
"""The default is 15 minutes, in which a demo is long over."""
WARM_UP = timedelta(seconds=90)
"""Healthy traffic that a demo judged by baselines begins with: a source may begin late, and memory's growth is first
told when its window is full."""


def detection(judge_by: JudgeBy) -> dict[str, Any]:
    """The section `detection` of the configuration file; empty: the defaults."""
    if judge_by is JudgeBy.LIMITS:
        return {}
    default = DetectionSettings().model_dump(mode="json", by_alias=True, exclude_none=True)
    judged = {one["metric"] for one in default["baselines"]}
    return {
        "thresholds": [one for one in default["thresholds"] if one["metric"] not in judged],
        "baselines": [{**one, "learn_for": format_duration(LEARN_FOR)} for one in default["baselines"]],
    }


def limited(judge_by: JudgeBy) -> tuple[str, ...]:
    """The metrics that have a limit, in the order of the settings."""
    known = detection(judge_by).get("thresholds") or DetectionSettings().model_dump(mode="json")["thresholds"]
    return tuple(one["metric"] for one in known)

"""By what the demo's RecoverOps judges metrics: the limits that it has out of the box, or their own past alone.

Judged by baselines there is no limit on CPU, memory, latency and errors; what stays limited is what has no usual value:
whether something runs, answers, has room left, or is heard at all. Called by `policy` for the file and its deviations;
a test holds what is named here against the real defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from recoverops.model import format_duration


class JudgeBy(StrEnum):
    LIMITS = "limits"
    BASELINES = "baselines"


LEARN_FOR = timedelta(seconds=60)
"""The default is 15 minutes, in which a demo is long over."""
WARM_UP = timedelta(seconds=90)
"""Healthy traffic that a demo judged by baselines begins with: a source may begin late, and memory's growth is first
told when its window is full."""

LIMITED: tuple[Mapping[str, Any], ...] = (
    {"metric": "service.running", "symptom": "availability", "severity": "critical", "for": "1s", "below": 1.0},
    {"metric": "http.probe.success", "symptom": "availability", "severity": "critical", "for": "2s", "below": 1.0},
    {
        "metric": "disk.utilization",
        "symptom": "disk",
        "severity": "high",
        "for": "2s",
        "above": 0.9,
        "recover": 0.85,
    },
    {"metric": "source.up", "symptom": "observation", "severity": "high", "for": "1m", "below": 1.0},
    {
        "metric": "host.disk.utilization",
        "symptom": "disk",
        "severity": "medium",
        "for": "30s",
        "above": 0.95,
        "recover": 0.9,
    },
)
"""The limits that stay, as they are by default."""
LEARNED: tuple[Mapping[str, Any], ...] = (
    {"metric": "process.cpu.utilization", "symptom": "cpu", "least": 0.25},
    {"metric": "process.memory.growth", "symptom": "memory", "least": 256.0 * 1024},
    {"metric": "http.probe.duration", "symptom": "latency", "least": 0.1},
    {"metric": "http.server.duration", "symptom": "latency", "least": 0.1},
    {"metric": "http.server.error_ratio", "symptom": "errors", "least": 0.02},
    {"metric": "host.cpu.utilization", "symptom": "cpu", "least": 0.25},
    {"metric": "host.memory.utilization", "symptom": "memory", "least": 0.1},
)
"""The baselines, as they are by default but for how long they learn."""


def detection(judge_by: JudgeBy) -> dict[str, Any]:
    """The section `detection` of the configuration file; empty: the defaults."""
    if judge_by is JudgeBy.LIMITS:
        return {}
    learn_for = format_duration(LEARN_FOR)
    return {
        "thresholds": [dict(one) for one in LIMITED],
        "baselines": [{**one, "learn_for": learn_for} for one in LEARNED],
    }

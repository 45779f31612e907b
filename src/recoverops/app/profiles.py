"""Profiles: named defaults for what the configuration does not say, chosen with `profile:`. Data, and one safety law.

What the file or a variable says always wins. A profile can never take the mode above `ask`: acting alone is a decision
that somebody writes down for this installation.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from recoverops.config import Configuration, Filled, Given
from recoverops.detection.metrics.settings import DEFAULT_THRESHOLDS
from recoverops.model import Mode, format_duration

SHORTEST_TEST_HOLD_S = 1


class Profile(StrEnum):
    """What this installation is for."""

    DEV = "dev"
    """a person's own machine: records what it would do, and says it on the console"""
    TEST = "test"
    """a place to try rules out: asks, and does not let you wait"""
    PROD = "prod"
    """other people depend on it: asks, with tighter limits"""


def _at_most(thresholds: tuple[Any, ...], seconds: float) -> list[Given]:
    """The default thresholds, none of which has to last longer than this."""
    plain = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in thresholds]
    return [
        {**told, "for": format_duration(one.lasting) if one.lasting.total_seconds() <= seconds else f"{seconds:g}s"}
        for one, told in zip(thresholds, plain, strict=True)
    ]


PROFILES: Mapping[Profile, Mapping[str, Given]] = {
    Profile.DEV: {
        "decision": {"mode": "observe"},
        "notifications": {"channels": [{"via": "console"}]},
    },
    Profile.TEST: {
        "detection": {"thresholds": _at_most(DEFAULT_THRESHOLDS, SHORTEST_TEST_HOLD_S)},
        "decision": {"mode": "ask", "cooldown": "30s", "approval_ttl": "5m", "give_up_after": "5m"},
    },
    Profile.PROD: {
        "decision": {
            "mode": "ask",
            "evidence_max_age": "15s",
            "cooldown": "15m",
            "max_actions_per_hour": 5,
            "max_actions_per_day": 20,
            "max_share_of_group": 0.34,
        },
    },
}


def apply(profile: Profile, configuration: Configuration) -> Filled | None:
    """Beneath the file and the variables; None when the file could not be read."""
    layer = PROFILES[profile]
    decision = layer.get("decision", {})
    assert not isinstance(decision, Mapping) or decision.get("mode") != Mode.ACT, "no profile lets anything act alone"
    return configuration.fill(layer, source=f"profile {profile}")

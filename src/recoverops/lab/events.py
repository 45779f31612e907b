"""What a running demo tells whoever shows it. Records only; `picture` and `lines` turn them into something to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from recoverops.lab.figures import DemoResult, Scenario, Station
from recoverops.lab.policy import Deviation
from recoverops.lab.traffic import Request


class Phase(StrEnum):
    STARTING = "starting"
    HEALTHY = "healthy"
    """everything runs, and nothing must happen"""
    FAULT = "fault"
    """a scenario begins; all that follows, up to the next one, is its own"""
    RESTORING = "restoring"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseBegan:
    phase: Phase
    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyShown:
    deviations: tuple[Deviation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsEnded:
    """The customers' newest requests."""

    requests: tuple[Request, ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationsReached:
    """All that have been reached so far, in seconds since the fault."""

    since_fault_s: Mapping[Station, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of the story, by RecoverOps itself or by the customers."""

    who: str
    at: datetime
    since_fault_s: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioEnded:
    scenario: Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    result: DemoResult


DemoEvent = PhaseBegan | PolicyShown | RequestsEnded | StationsReached | Told | ScenarioEnded | Finished

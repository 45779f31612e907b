"""How one part of RecoverOps itself is doing: a source, a plugin, a store, a notifier."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from recoverops.model.record import Record


class ComponentState(StrEnum):
    UP = "up"
    STARTING = "starting"
    DEGRADED = "degraded"
    """it works, but not as its files say now"""
    UNREACHABLE = "unreachable"
    DISABLED = "disabled"


class ComponentStatus(Record, frozen=True, kw_only=True):
    name: str
    state: ComponentState
    statement: str
    since: datetime


class Demand(Record, frozen=True, kw_only=True):
    """What a switch outside says: whether a person has to approve every action."""

    is_made: bool
    statement: str
    """Why, or what it says instead."""


class StopState(Record, frozen=True, kw_only=True):
    """The emergency stop as it is read before every effect."""

    stopped: bool
    reason: str = ""
    by: str = ""
    at: datetime | None = None

    @property
    def engaged_anew(self) -> str:
        """What whoever was about to clear another stop than this one hears."""
        return (
            f"the emergency stop was engaged anew meanwhile, by {self.by or 'hand'}: {self.reason}; "
            "it holds: look, and resume again"
        )

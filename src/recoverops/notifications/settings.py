"""The notifications' part of the configuration."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from recoverops.model import Severity

EVENTS = (
    "incident.opened",
    "approval.requested",
    "run.started",
    "incident.resolved",
    "incident.escalated",
    "decision.observed",
    "stop.engaged",
    "stop.cleared",
)
"""Every event that `compose` has words for."""


def _of_an_event(pattern: str) -> str:
    """The pattern, if some event fits it: a channel that hears of nothing is a slip."""
    if any(fnmatchcase(event, pattern) for event in EVENTS):
        return pattern
    nearest = get_close_matches(pattern, EVENTS, n=1)
    meant = f'did you mean "{nearest[0]}"? ' if nearest else ""
    raise ValueError(f"no event is called so; {meant}Known are: {', '.join(EVENTS)}")


class ChannelSettings(BaseModel):
    """One way to people."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    via: str = Field(min_length=1, description="The notifier, by name: console, webhook, slack, or a plugin's.")
    events: tuple[Annotated[str, AfterValidator(_of_an_event)], ...] = Field(
        default=("*",),
        strict=False,
        description="Which events, as patterns: `*`, `incident.*`, `approval.requested`. Default all.",
    )
    min_severity: Severity = Field(
        default=Severity.LOW, strict=False, description="Nothing milder is sent. Default low: everything but normal."
    )


class NotificationSettings(BaseModel):
    """Who is told what."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    channels: tuple[ChannelSettings, ...] = Field(
        default=(ChannelSettings(via="console"),),
        strict=False,
        description="The ways to people. Default: the console of `recoverops up`.",
    )
    max_attempts: int = Field(
        default=8,
        ge=1,
        le=50,
        description="Attempts before a delivery is given up, with waits of 1, 2, 4, ... up to 60 s between them. "
        "Default 8: about two minutes.",
    )

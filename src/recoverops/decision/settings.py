"""The decision's part of the configuration, and the form of a rule in `remediation-rules.yaml`."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration, Mode

OWN_PARTS = ("service:recoverops*", "service:prometheus*", "service:alertmanager*", "service:*bastion*")


REQUESTED = "requested"
"""The name that stands where a rule's name would, when a person asked for a run."""


class DecisionSettings(BaseModel):
    """How far RecoverOps may go. Every default is the cautious one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    mode: Mode = Field(
        default=Mode.ASK,
        strict=False,
        description="The furthest that any rule may go: observe (only record), ask (a person approves each action), "
        "act. A rule's own mode can only be more careful. Default ask.",
    )
    require_approval: bool = Field(
        default=False,
        description="Ask for every action, whatever the rules say. Set from outside with REQUIRE_APPROVAL.",
    )
    ask_when_critical: bool = Field(
        default=True,
        description="Ask before acting on a critical incident even where the rule may act. Default true.",
    )
    protected: tuple[str, ...] = Field(
        default=OWN_PARTS,
        strict=False,
        description="Resources that are never acted on, as patterns with * and ?. Default: RecoverOps itself, its "
        "monitoring, bastions. A list here replaces the default list.",
    )
    allow: tuple[str, ...] = Field(
        default=("service:*",),
        strict=False,
        description="Resources that may be acted on, as patterns; everything else is refused. Default: every service "
        "of the inventory.",
    )
    evidence_max_age: Duration = Field(
        default=timedelta(seconds=30),
        description="Evidence older than this says nothing about now; no action is taken on it. Default 30s: several "
        "scrapes of every usual source.",
    )
    cooldown: Duration = Field(
        default=timedelta(minutes=5),
        description="Least time between two actions on one target. Set from outside with COOLDOWN_MINUTES. Default 5m.",
    )
    max_actions_per_hour: int = Field(
        default=10,
        ge=0,
        description="Actions in any 60 minutes, over all targets. Set from outside with MAX_ACTIONS_PER_HOUR. "
        "Default 10.",
    )
    max_actions_per_day: int = Field(
        default=50, ge=0, description="Actions in any 24 hours, over all targets. Default 50."
    )
    max_targets: int = Field(
        default=1,
        ge=1,
        description="Resources that may be touched at the same time, running work on the group included. Default 1.",
    )
    max_share_of_group: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of a group that may be touched at the same time, 0..1. A group of one is judged by "
        "`max_targets` alone, else nothing in it could ever be restarted. Default 0.5.",
    )
    approval_ttl: Duration = Field(
        default=timedelta(minutes=30), description="How long a request for approval stays open. Default 30m."
    )
    give_up_after: Duration = Field(
        default=timedelta(minutes=30),
        description="How long a response waits for a gate that time can open before a person is called. Default 30m.",
    )
    act_within: Duration = Field(
        default=timedelta(minutes=2),
        description="An action that could not start within this time of its decision is not started at all, e.g. after "
        "an outage of RecoverOps. Default 2m.",
    )


class Rule(BaseModel):
    """When to do what, and how far to go alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$", description="Its name, e.g. `restart-crashed-service`.")
    when: str = Field(
        min_length=1,
        description="CEL condition over kind, severity, confidence, resource, symptom, age_seconds and metrics. One "
        "that needs a metric nobody measured is unknown, never true.",
    )
    runbook: str = Field(min_length=1, description="The runbook to run, by name.")
    mode: Mode = Field(default=Mode.ASK, strict=False, description="observe, ask or act. Default ask.")
    hold: Duration = Field(
        default=timedelta(0),
        description="Wait this long after this rule matched first, and act only if it is still firing. Default 0s.",
    )
    cooldown: Duration | None = Field(
        default=None, description="Least time between two actions on one target, when longer than the general one."
    )


def requested_rule(runbook: str) -> Rule:
    """Stands in for a rule where a person asked for a run: no condition, and the person's word for the mode."""
    return Rule(name=REQUESTED, when="true", runbook=runbook, mode=Mode.ACT)


class RuleFile(BaseModel):
    """`remediation-rules.yaml`. The first rule that matches decides."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1] = Field(description="Form of this file. This release reads 1.")
    rules: tuple[Rule, ...] = Field(strict=False, description="The rules, in the order they are asked.")

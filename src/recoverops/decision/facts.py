"""Everything a gate may look at, gathered before the first one is asked.

The limits in `usage` are read inside the transaction that will reserve, so two decisions never share the last slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from recoverops.decision.settings import DecisionSettings, Rule
from recoverops.model import Approval, Condition, Incident, Plan, Resource, Silence, StopState
from recoverops.ports import Usage
from recoverops.topology import Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    now: datetime
    settings: DecisionSettings
    rule: Rule
    plan: Plan
    incident: Incident
    inventory: Inventory
    conditions: tuple[Condition, ...]
    """Of the incident's resource."""
    been_normal: frozenset[str]
    """The series at fault that have been normal since the start of the process; of every other one nobody knows here
    since when it is abnormal."""
    group_conditions: Mapping[str, tuple[Condition, ...]]
    """Of every member of the target's group, by service name, the target included."""
    usage: Usage
    hour_free_at: datetime | None
    """When the limit of the hour lets the next action through; None while it does, and where it never will."""
    day_free_at: datetime | None
    """The same of the day."""
    stop: StopState | None
    """None: the emergency stop could not be read."""
    clock_step: str | None
    """How the wall clock stepped a short while ago, which makes every window of a limit doubtful; None: it did not."""
    demands: tuple[str, ...]
    """Why switches outside demand a person's approval of every action; empty: none does."""
    silences: tuple[Silence, ...]
    """What people have silenced now."""
    approval: Approval | None
    """The newest approval of this incident, if there is one."""

    @property
    def felt(self) -> tuple[Resource, ...]:
        """Everything that will feel the plan: its target, whatever the plan says, and what else it touches."""
        return tuple(dict.fromkeys((self.plan.target, *self.plan.touches)))

    def is_fresh(self, condition: Condition) -> bool:
        """Whether it tells about now: a measurement for a while, an alert until its sender says otherwise."""
        return condition.sticky or self.now - condition.last_at <= self.settings.evidence_max_age

"""Asks the gates, on facts read inside the caller's transaction.

Called twice for every effect: when it is decided, and again right before it is started.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from recoverops.decision import Conclusion, Facts, Rule, decide, requested_rule
from recoverops.model import Approval, Incident, Plan, RunId, RunState, StopState, UnreachableError
from recoverops.pipeline.parts import Parts
from recoverops.ports import Tx

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def rule_of(parts: Parts, incident: Incident, name: str | None) -> Rule | None:
    """The rule of this name; what stands in for it when a person asked for the run."""
    if incident.request is not None:
        return requested_rule(incident.request.runbook)
    return parts.rules.rule(name) if name else None


def ask_gates(
    parts: Parts, tx: Tx, incident: Incident, rule: Rule, plan: Plan, *, now: datetime, ignoring: RunId | None = None
) -> Conclusion:
    """`ignoring`: the run whose own reservation must not stand in its way."""
    service = parts.inventory.find(plan.target)
    members = parts.inventory.members(service.group) if service else ()
    return decide(
        Facts(
            now=now,
            settings=parts.decision,
            rule=rule,
            plan=plan,
            incident=incident,
            inventory=parts.inventory,
            conditions=parts.conditions.of_resource(incident.resource),
            been_normal=frozenset(filter(parts.conditions.has_been_normal, incident.series)),
            group_conditions={one.name: parts.conditions.of_resource(one.resource) for one in members},
            usage=tx.limits.usage(plan.target, now=now, ignoring=ignoring),
            hour_free_at=tx.limits.free_at(
                most=parts.decision.max_actions_per_hour, window=HOUR, now=now, ignoring=ignoring
            ),
            day_free_at=tx.limits.free_at(
                most=parts.decision.max_actions_per_day, window=DAY, now=now, ignoring=ignoring
            ),
            stop=_stop_state(parts, tx),
            clock_step=step.statement if (step := parts.wall.last_step()) else None,
            demands=parts.demands(),
            silences=tx.silences.active(now),
            approval=usable_approval(tx, incident, ignoring=ignoring),
        )
    )


def usable_approval(tx: Tx, incident: Incident, *, ignoring: RunId | None = None) -> Approval | None:
    """The newest approval of the incident, unless a run has acted on it: one yes is good for one action."""
    approval = tx.approvals.newest_of(incident.id)
    if approval is None:
        return None
    spent = any(
        run.approval_id == approval.id and run.id != ignoring and run.state is not RunState.ABANDONED
        for run in tx.runs.of_incident(incident.id)
    )
    return None if spent else approval


def _stop_state(parts: Parts, tx: Tx) -> StopState | None:
    try:
        return parts.stop.read(tx)
    except UnreachableError:
        return None

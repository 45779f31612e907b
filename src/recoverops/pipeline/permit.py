"""Asks the gates, on facts read inside the caller's transaction.

Called twice for every effect: when it is decided, and again right before it is started.
"""

from __future__ import annotations

from datetime import datetime

from recoverops.decision import Conclusion, Facts, Rule, decide
from recoverops.model import Incident, Plan, RunId, StopState, UnreachableError
from recoverops.pipeline.parts import Parts
from recoverops.ports import Tx


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
            group_conditions={one.name: parts.conditions.of_resource(one.resource) for one in members},
            usage=tx.limits.usage(plan.target, now=now, ignoring=ignoring),
            stop=_stop_state(parts),
            approval=tx.approvals.newest_of(incident.id),
        )
    )


def _stop_state(parts: Parts) -> StopState | None:
    try:
        return parts.stop.read()
    except UnreachableError:
        return None

"""Facts on which every gate passes, and short ways to change one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from recoverops.decision import DecisionSettings, Facts, Rule
from recoverops.model import (
    Approval,
    ApprovalId,
    ApprovalState,
    Condition,
    ConditionStatus,
    DecisionId,
    EffectClass,
    Fingerprint,
    Incident,
    IncidentId,
    IncidentState,
    Mode,
    Plan,
    Resource,
    ResourceKind,
    Service,
    Severity,
    Silence,
    StopState,
)
from recoverops.model.ids import SilenceId
from recoverops.ports import Usage
from recoverops.topology import Inventory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SERIES = "service:checkout/http.probe.success"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def service(name: str = "checkout", group: str = "") -> Service:
    return Service(name=name, group=group or name)


def resource(name: str = "checkout") -> Resource:
    return Resource(kind=ResourceKind.SERVICE, name=name)


def condition(
    name: str = "checkout",
    *,
    status: ConditionStatus = ConditionStatus.ABNORMAL,
    age: timedelta = timedelta(seconds=1),
    metric: str = "http.probe.success",
    sticky: bool = False,
    severity: Severity = Severity.HIGH,
) -> Condition:
    return Condition(
        series=f"service:{name}/{metric}",
        resource=resource(name),
        symptom="availability",
        status=status,
        since=NOW - age - seconds(5),
        last_at=NOW - age,
        severity=severity,
        value=0.0,
        statement=f"{metric} was 0",
        sticky=sticky,
    )


def incident(**changes: Any) -> Incident:
    fields: dict[str, Any] = {
        "id": IncidentId("inc-1"),
        "fingerprint": Fingerprint("f"),
        "resource": resource(),
        "symptom": "availability",
        "severity": Severity.HIGH,
        "state": IncidentState.OPEN,
        "title": "checkout is down",
        "opened_at": NOW - seconds(10),
        "updated_at": NOW,
        "series": (SERIES,),
    }
    return Incident(**fields | changes)


def plan(**changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "action": "restart-service",
        "effect": EffectClass.RESTORATIVE,
        "target": resource(),
        "arguments": {},
        "touches": (resource(),),
        "summary": "restart checkout",
        "timeout_s": 30.0,
    }
    return Plan(**fields | changes)


def usage(**changes: Any) -> Usage:
    fields: dict[str, Any] = {
        "last_on_target": None,
        "in_last_hour": 0,
        "in_last_day": 0,
        "locked_by": None,
        "targets_in_flight": (),
    }
    return Usage(**fields | changes)


def rule(**changes: Any) -> Rule:
    fields: dict[str, Any] = {"name": "restart", "when": "true", "runbook": "restart-service", "mode": Mode.ACT}
    return Rule(**fields | changes)


def settings(**changes: Any) -> DecisionSettings:
    return DecisionSettings(**{"mode": Mode.ACT} | changes)


def approval(state: ApprovalState = ApprovalState.PENDING, **changes: Any) -> Approval:
    fields: dict[str, Any] = {
        "id": ApprovalId("apr-1"),
        "incident_id": IncidentId("inc-1"),
        "decision_id": DecisionId("dec-1"),
        "plan": plan(),
        "plan_hash": plan().hash,
        "requested_by": "recoverops",
        "requested_at": NOW - seconds(60),
        "expires_at": NOW + seconds(60),
        "state": state,
        "decided_by": None if state is ApprovalState.PENDING else "person:ada",
    }
    return Approval(**fields | changes)


def silence(pattern: str = "service:check*", **changes: Any) -> Silence:
    fields: dict[str, Any] = {
        "id": SilenceId("sil-1"),
        "pattern": pattern,
        "starts_at": NOW - seconds(60),
        "ends_at": NOW + seconds(60),
        "by": "person:ada",
        "reason": "new kernel",
    }
    return Silence(**fields | changes)


def facts(**changes: Any) -> Facts:
    """Everything is fine with acting, unless a change says otherwise."""
    fields: dict[str, Any] = {
        "now": NOW,
        "settings": settings(),
        "rule": rule(),
        "plan": plan(),
        "incident": incident(),
        "inventory": Inventory([service()]),
        "conditions": (condition(),),
        "been_normal": frozenset(),
        "group_conditions": {"checkout": (condition(),)},
        "usage": usage(),
        "hour_free_at": None,
        "day_free_at": None,
        "clock_step": None,
        "demands": (),
        "stop": StopState(stopped=False),
        "silences": (),
        "approval": None,
    }
    return Facts(**fields | changes)


def group_of(*names: str) -> Inventory:
    """All of them members of the group "shop"."""
    return Inventory([service(name, "shop") for name in names])

"""The measured figures of one demo. Pure: what RecoverOps stored, what the customers saw, what the ledger holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from recoverops.lab.faults import Fault
from recoverops.lab.incident_view import IncidentView
from recoverops.lab.policy import Deviation
from recoverops.lab.recovery import Recovery
from recoverops.model import ActionRecord, DecisionMode, IncidentState, OutcomeStatus, Resource, VerdictStatus

_NOT_DONE = frozenset({OutcomeStatus.EXPIRED, OutcomeStatus.GATED})


class Station(StrEnum):
    """The stations of the loop, in their order."""

    OBSERVE = "observe"
    DETECT = "detect"
    DIAGNOSE = "diagnose"
    DECIDE = "decide"
    ACT = "act"
    VERIFY = "verify"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One fault and what became of it. None: it did not come to that."""

    fault: str
    detected_s: float | None
    """From the fault to the opening of the incident."""
    cause: str | None
    cause_expected: str
    runbook: str | None
    actions: tuple[str, ...]
    verified: bool
    """RecoverOps verified on fresh evidence that its run helped, and resolved the incident."""
    recovered_s: float | None
    """From the fault until customers were served again, as the customers saw it; 0 when they never noticed."""
    resolved_s: float | None
    service: str
    """To which it was done."""
    service_starts: int
    """How often that service was started during the scenario, by its own ledger; a deployment starts it, too."""
    failed_requests: int
    statement: str
    """In one sentence how it ended."""

    @property
    def is_healed(self) -> bool:
        return self.verified and self.recovered_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A fault that this machine does not allow."""

    fault: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When which actions on which service are right: from the fault until its scenario is over."""

    target: Resource
    allowed: frozenset[str]
    begin: datetime
    end: datetime

    def covers(self, action: ActionRecord) -> bool:
        is_in_time = self.begin <= action.intent_at <= self.end
        return is_in_time and action.plan.target == self.target and action.plan.action in self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarm:
    """An incident that was opened while nothing was broken."""

    at: datetime
    title: str
    is_before_any_fault: bool
    """False: in a pause between two scenarios, or after the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    sent: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A demo that was left running."""

    pid: int
    """Ending this one process ends everything."""
    url: str
    admin_key: str
    directory: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    scenarios: tuple[Scenario, ...]
    false_actions: int
    policy: tuple[Deviation, ...]
    traffic: Traffic
    statement: str
    """In one sentence how it ended."""
    healthy_s: float = 0.0
    """How long everything had to be well before the first fault."""
    false_alarms: tuple[FalseAlarm, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    kept: Kept | None = None

    @property
    def is_healed(self) -> bool:
        """Every fault was healed, and nothing was done that was not needed."""
        healed = [scenario.is_healed for scenario in self.scenarios]
        return bool(healed) and all(healed) and self.false_actions == 0


def to_plain(result: DemoResult) -> dict[str, Any]:
    """The form that `recoverops demo --json` prints."""
    plain: dict[str, Any] = {
        "scenarios": [_plain_scenario(scenario) for scenario in result.scenarios],
        "false_actions": result.false_actions,
        "healthy_s": result.healthy_s,
        "false_alarms": [
            {"at": one.at.isoformat(), "title": one.title, "before_any_fault": one.is_before_any_fault}
            for one in result.false_alarms
        ],
        "policy": {one.setting: {"default": one.default, "here": one.here, "why": one.why} for one in result.policy},
        "traffic": {"sent": result.traffic.sent, "failed": result.traffic.failed},
        "left_out": [{"fault": one.fault, "why": one.why} for one in result.left_out],
        "statement": result.statement,
    }
    if (kept := result.kept) is not None:
        plain["kept"] = {"pid": kept.pid, "url": kept.url, "admin_key": kept.admin_key, "directory": kept.directory}
    return plain


def _plain_scenario(scenario: Scenario) -> dict[str, Any]:
    return {
        "fault": scenario.fault,
        "detected_s": scenario.detected_s,
        "cause": scenario.cause,
        "cause_expected": scenario.cause_expected,
        "runbook": scenario.runbook,
        "actions": list(scenario.actions),
        "verified": scenario.verified,
        "recovered_s": scenario.recovered_s,
        "resolved_s": scenario.resolved_s,
        "service": scenario.service,
        "service_starts": scenario.service_starts,
        "failed_requests": scenario.failed_requests,
        "statement": scenario.statement,
    }


def incident_of(views: Iterable[IncidentView], *, target: Resource, fault_at: datetime) -> IncidentView | None:
    """The incident that the fault caused: of those of its target that were opened after it, the first acted on.

    The first of all when none was acted on.
    """
    after = [view for view in views if view.incident.resource == target and view.incident.opened_at >= fault_at]
    return min(after, key=lambda view: (not effects([view]), view.incident.opened_at), default=None)


def scenario(
    fault: Fault,
    view: IncidentView | None,
    *,
    fault_at: datetime | None,
    recovery: Recovery | None,
    service_starts: int,
    statement: str = "",
    back: IncidentView | None = None,
) -> Scenario:
    """`back`: the request to take the remedy back, for a fault that has one; it has to be verified, too."""
    views = [one for one in (view, back) if one is not None]
    run = view.runs[-1] if view is not None and view.runs else None
    return Scenario(
        fault=fault.name,
        detected_s=_seconds(fault_at, view.incident.opened_at if view else None),
        cause=_cause(view),
        cause_expected=fault.cause_expected,
        runbook=run.runbook if run else None,
        actions=tuple(action.plan.action for action in effects(views)),
        verified=view is not None and all(_is_verified(one) for one in views),
        recovered_s=round(recovery.recovered_s, 3) if recovery else None,
        resolved_s=_seconds(fault_at, view.incident.resolved_at if view else None),
        service=fault.service,
        service_starts=service_starts,
        failed_requests=recovery.failed if recovery else 0,
        statement=statement,
    )


def effects(views: Iterable[IncidentView]) -> tuple[ActionRecord, ...]:
    """Every effect that was, or may have been, started; a gated or expired intent never was."""
    actions = (action for view in views for run in view.runs for action in run.actions)
    return tuple(one for one in actions if one.outcome is None or one.outcome.status not in _NOT_DONE)


def false_actions(views: Iterable[IncidentView], windows: Iterable[Window]) -> tuple[ActionRecord, ...]:
    """Effects that no scenario's window covers: in healthy times, on another service, or of the wrong kind."""
    allowed = tuple(windows)
    return tuple(action for action in effects(views) if not any(window.covers(action) for window in allowed))


def false_alarms(views: Iterable[IncidentView], windows: Iterable[Window]) -> tuple[FalseAlarm, ...]:
    """Incidents that were opened outside of every scenario, oldest first. A person's request is none."""
    known = tuple(windows)
    first = min((window.begin for window in known), default=None)
    opened = sorted((view.incident for view in views if view.incident.request is None), key=lambda one: one.opened_at)
    return tuple(
        FalseAlarm(at=one.opened_at, title=one.title, is_before_any_fault=first is None or one.opened_at < first)
        for one in opened
        if not any(window.begin <= one.opened_at <= window.end for window in known)
    )


def stations(view: IncidentView) -> Mapping[Station, datetime]:
    """When the loop reached each of its stations, by the times that RecoverOps stored."""
    run = view.runs[0] if view.runs else None
    decided = [decision.at for decision in view.decisions if decision.mode is not DecisionMode.WAIT]
    diagnosed = [entry.at for entry in view.timeline if entry.event.startswith("diagnos")]
    seen = [evidence.at for hypothesis in view.hypotheses[:1] for evidence in hypothesis.evidence if evidence.supports]
    reached = {
        Station.OBSERVE: min((*seen, view.incident.opened_at)),
        Station.DETECT: view.incident.opened_at,
        Station.DIAGNOSE: min((*diagnosed, *(decision.at for decision in view.decisions)), default=None),
        Station.DECIDE: min(decided, default=None),
        Station.ACT: run.acted_at if run else None,
        Station.VERIFY: run.verdict.at if run and run.verdict else None,
        Station.RESOLVED: view.incident.resolved_at,
    }
    return {station: at for station, at in reached.items() if at is not None}


def _cause(view: IncidentView | None) -> str | None:
    """What diagnosis put first."""
    if view is None:
        return None
    return view.hypotheses[0].cause if view.hypotheses else view.incident.kind


def _is_verified(view: IncidentView) -> bool:
    helped = any(run.verdict is not None and run.verdict.status is VerdictStatus.RECOVERED for run in view.runs)
    return helped and view.incident.state is IncidentState.RESOLVED


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else round((end - begin).total_seconds(), 3)

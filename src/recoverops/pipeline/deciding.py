"""Turns an assessment into a decision, in one transaction: gates, reservation, record, audit, notification."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from recoverops.model import (
    Approval,
    ApprovalState,
    Decision,
    DecisionId,
    DecisionMode,
    Incident,
    IncidentState,
    Plan,
    Reason,
    Record,
    Run,
    RunId,
    RunState,
    SegmentKey,
    WaitKind,
    new_approval_id,
)
from recoverops.notifications import compose
from recoverops.pipeline.assess import Assessment
from recoverops.pipeline.ending import escalate, finish, park
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.permit import ask_gates
from recoverops.pipeline.story import tell
from recoverops.ports import Tx

LOOK_AGAIN = timedelta(seconds=2)
"""When something is missing that may still come: evidence, a metric, an answer of the target."""


RAREST_LOOK = timedelta(seconds=60)


class Decided(Record, frozen=True, kw_only=True):
    mode: DecisionMode
    reason: Reason
    run_id: RunId | None = None
    """The run to execute now; None when there is nothing to do in this segment."""
    wake_at: datetime | None = None
    """When the next segment is due, if the response was parked."""


def decide_in(parts: Parts, tx: Tx, key: SegmentKey, assessment: Assessment) -> Decided:
    now = parts.clock.now()
    known = tx.incidents.get(key.incident_id)
    if known.is_over:
        return Decided(mode=DecisionMode.OBSERVE, reason=Reason.NOT_FIRING)
    incident = _diagnosed(tx, known, assessment, now=now)
    decision = _conclude(parts, tx, incident, assessment, key, now=now)
    if decision.mode is DecisionMode.WAIT and now - incident.opened_at >= parts.decision.give_up_after:
        decision = _given_up(parts, decision)
    tx.decisions.insert(decision)
    tell(tx, incident, "decided", _in_words(decision), at=now, actor=ENGINE, detail=_detail(decision))
    return _carry_out(parts, tx, incident, decision, now=now)


def _diagnosed(tx: Tx, incident: Incident, assessment: Assessment, *, now: datetime) -> Incident:
    """The incident with its kind; told once, when the kind becomes known or changes."""
    tx.incidents.set_hypotheses(incident.id, assessment.hypotheses)
    if assessment.kind is incident.kind or not assessment.hypotheses:
        return incident
    best = assessment.hypotheses[0]
    told = f"{best.cause} of {best.resource}, confidence {best.confidence:.2f}"
    tell(tx, incident, "diagnosed", told, at=now, actor=ENGINE, detail={"evidence": str(len(best.evidence))})
    return msgspec.structs.replace(incident, kind=assessment.kind)


def _conclude(
    parts: Parts, tx: Tx, incident: Incident, assessment: Assessment, key: SegmentKey, *, now: datetime
) -> Decision:
    draft = Decision(
        id=DecisionId(f"dec-{key.incident_id}-{key.episode}-{key.segment}"),
        incident_id=incident.id,
        at=now,
        mode=DecisionMode.WAIT if assessment.may_come else DecisionMode.REFUSE,
        reason=assessment.reason,
        statement=assessment.statement,
        rule=assessment.rule,
        runbook=assessment.runbook,
        plan=assessment.plan,
        rules=assessment.rules,
        rules_digest=parts.rules.digest,
        retry_at=now + LOOK_AGAIN if assessment.may_come else None,
    )
    rule = parts.rules.rule(assessment.rule) if assessment.rule else None
    if assessment.plan is None or rule is None:
        return draft
    conclusion = ask_gates(parts, tx, incident, rule, assessment.plan, now=now)
    return msgspec.structs.replace(
        draft,
        mode=conclusion.mode,
        reason=conclusion.reason,
        statement=conclusion.statement,
        gates=conclusion.gates,
        retry_at=conclusion.retry_at,
    )


def _given_up(parts: Parts, decision: Decision) -> Decision:
    waited = parts.decision.give_up_after.total_seconds()
    return msgspec.structs.replace(
        decision,
        mode=DecisionMode.REFUSE,
        reason=Reason.GAVE_UP,
        statement=f"waited {waited:g} s (give_up_after) in vain: {decision.statement}",
        retry_at=None,
    )


def _in_words(decision: Decision) -> str:
    return f"{decision.mode}: {decision.statement}"


def _detail(decision: Decision) -> dict[str, str]:
    return {
        "decision": decision.id,
        "mode": decision.mode,
        "reason": decision.reason,
        "rule": decision.rule or "",
        "plan": decision.plan.hash if decision.plan else "",
    }


def _carry_out(parts: Parts, tx: Tx, incident: Incident, decision: Decision, *, now: datetime) -> Decided:
    if decision.mode is DecisionMode.ACT:
        return _begin_run(parts, tx, incident, decision, now=now)
    if decision.mode is DecisionMode.ASK:
        return _ask(parts, tx, incident, decision, now=now)
    if decision.mode is DecisionMode.WAIT:
        kind = WaitKind.HOLD if decision.reason is Reason.HOLDING else WaitKind.GATE
        due_at = _due_at(incident, decision, now=now)
        park(tx, incident, kind, state=IncidentState.WAITING, reason=decision.reason, due_at=due_at, now=now)
        return Decided(mode=decision.mode, reason=decision.reason, wake_at=due_at)
    if decision.mode is DecisionMode.OBSERVE:
        finish(tx, incident, state=incident.state, reason=decision.reason, now=now)
        parts.post(tx, compose.decision_observed(incident, decision, at=now))
        return Decided(mode=decision.mode, reason=decision.reason)
    escalate(parts, tx, incident, reason=decision.reason, statement=decision.statement, now=now)
    return Decided(mode=decision.mode, reason=decision.reason)


def _due_at(incident: Incident, decision: Decision, *, now: datetime) -> datetime:
    """A gate that names its hour is believed; where nobody knows, looks become rarer with the incident's age."""
    asked = decision.retry_at or now + LOOK_AGAIN
    if decision.reason in {Reason.HOLDING, Reason.COOLING_DOWN}:
        return asked
    return max(asked, now + min(RAREST_LOOK, (now - incident.opened_at) / 10))


def _begin_run(parts: Parts, tx: Tx, incident: Incident, decision: Decision, *, now: datetime) -> Decided:
    plan, runbook = _plan_of(decision), parts.runbooks[decision.runbook or ""]
    approval = tx.approvals.newest_of(incident.id) if decision.reason is Reason.APPROVED else None
    run = Run(
        id=RunId(decision.id.replace("dec-", "run-", 1)),
        incident_id=incident.id,
        decision_id=decision.id,
        runbook=runbook.name,
        runbook_digest=runbook.digest,
        plan=plan,
        state=RunState.RUNNING,
        requested_by=f"{approval.decided_by}" if approval else f"rule:{decision.rule}",
        started_at=now,
        not_after=now + parts.decision.act_within,
    )
    tx.limits.reserve(run_id=run.id, target=plan.target, touches=plan.touches, at=now)
    tx.runs.insert(run)
    saved = tx.incidents.save(
        msgspec.structs.replace(incident, state=IncidentState.ACTING, reason=decision.reason, updated_at=now)
    )
    parts.post(tx, compose.run_started(saved, run, at=now))
    return Decided(mode=decision.mode, reason=decision.reason, run_id=run.id)


def _ask(parts: Parts, tx: Tx, incident: Incident, decision: Decision, *, now: datetime) -> Decided:
    plan = _plan_of(decision)
    approval = tx.approvals.newest_of(incident.id)
    if approval is None or approval.state is not ApprovalState.PENDING or approval.plan_hash != plan.hash:
        if approval is not None and approval.state is ApprovalState.PENDING:
            tx.approvals.settle(approval.id, ApprovalState.WITHDRAWN, by=ENGINE, at=now, note="the plan changed")
        approval = Approval(
            id=new_approval_id(now),
            incident_id=incident.id,
            decision_id=decision.id,
            plan=plan,
            plan_hash=plan.hash,
            requested_by=ENGINE,
            requested_at=now,
            expires_at=now + parts.decision.approval_ttl,
        )
        tx.approvals.insert(approval)
        tell(
            tx,
            incident,
            "approval_requested",
            f"may I {plan.summary}?",
            at=now,
            actor=ENGINE,
            detail={"approval": approval.id, "plan": plan.hash},
        )
        parts.post(tx, compose.approval_requested(incident, approval, at=now))
    park(
        tx,
        incident,
        WaitKind.APPROVAL,
        state=IncidentState.WAITING,
        reason=decision.reason,
        due_at=approval.expires_at,
        now=now,
    )
    return Decided(mode=decision.mode, reason=decision.reason, wake_at=approval.expires_at)


def _plan_of(decision: Decision) -> Plan:
    assert decision.plan is not None, "only a decision with a plan can act or ask"
    return decision.plan

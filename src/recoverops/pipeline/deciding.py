"""Turns an assessment into a decision, in one transaction: gates, reservation, record, audit, notification."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from recoverops import incidents
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
    Resource,
    Run,
    RunId,
    RunState,
    WaitKind,
    new_approval_id,
)
from recoverops.notifications import compose
from recoverops.pipeline.assess import Assessment
from recoverops.pipeline.ending import escalate, finish, park, withdraw_question
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.permit import ask_gates, rule_of, usable_approval
from recoverops.pipeline.silenced import is_patience_spent, naming_silence
from recoverops.pipeline.story import tell
from recoverops.ports import Tx

LOOK_AGAIN = timedelta(seconds=2)
"""When something is missing that may still come: evidence, a metric, an answer of the target."""


class Decided(Record, frozen=True, kw_only=True):
    mode: DecisionMode
    reason: Reason
    run_id: RunId | None = None
    """The run to execute now; None when there is nothing to do in this segment."""
    wake_at: datetime | None = None
    """When the next segment is due, if the response was parked."""


def decide_in(parts: Parts, tx: Tx, known: Incident, assessment: Assessment) -> Decided:
    """`known`: an incident whose response is due, as this transaction read it."""
    parts, now = parts.pinned(), parts.clock.now()
    incident = _diagnosed(tx, known, assessment, now=now)
    decision_id = DecisionId(f"dec-{incident.id}-{incident.episode}-{incident.segment}")
    decision = conclude(parts, tx, incident, assessment, decision_id, now=now)
    felt = _felt(incident, decision)
    may_give_up = decision.mode is DecisionMode.WAIT and decision.reason is not Reason.RULES_CHANGED
    if may_give_up and is_patience_spent(parts, tx, incident, felt, now=now):
        decision = _given_up(parts, decision)
    tx.decisions.insert(decision)
    tell(tx, incident, "decided", _in_words(decision), at=now, actor=ENGINE, detail=_detail(decision))
    return _carry_out(parts, tx, incident, decision, now=now)


def _diagnosed(tx: Tx, incident: Incident, assessment: Assessment, *, now: datetime) -> Incident:
    """The incident as it is seen now; its kind is told once, when it becomes known or changes."""
    tx.incidents.set_hypotheses(incident.id, assessment.hypotheses)
    seen = as_seen(incident, assessment, now=now)
    if seen.kind is not incident.kind:
        best = assessment.hypotheses[0]
        told = f"{best.cause} of {best.resource}, confidence {best.confidence:.2f}"
        tell(tx, incident, "diagnosed", told, at=now, actor=ENGINE, detail={"evidence": str(len(best.evidence))})
    return seen


def as_seen(incident: Incident, assessment: Assessment, *, now: datetime) -> Incident:
    """With the kind and the rule that were found. A look at which the rules were not asked changes nothing. Pure."""
    if assessment.hypotheses:
        incident = msgspec.structs.replace(incident, kind=assessment.kind)
    if assessment.rule is not None and assessment.rule != incident.rule:
        return msgspec.structs.replace(incident, rule=assessment.rule, rule_since=now)
    if assessment.rule is None and assessment.rules and assessment.reason is not Reason.RULE_UNKNOWN:
        return msgspec.structs.replace(incident, rule="", rule_since=None)
    return incident


def conclude(
    parts: Parts, tx: Tx, incident: Incident, assessment: Assessment, decision_id: DecisionId, *, now: datetime
) -> Decision:
    """The decision that the gates leave, with the silence named that stands over it; writes nothing."""
    decision = _under_gates(parts, tx, incident, assessment, decision_id, now=now)
    if _is_too_late(parts, tx, incident, decision, now=now):
        decision = _request_expired(parts, incident, decision)
    named = naming_silence(tx, incident.resource, decision.statement, now=now)
    return msgspec.structs.replace(decision, statement=named)


def _is_too_late(parts: Parts, tx: Tx, incident: Incident, decision: Decision, *, now: datetime) -> bool:
    """Whether a person asked so long ago that the world is another one by now, or will have by the time a gate opens.
    A yes has a time limit of its own."""
    if incident.request is None or decision.mode not in {DecisionMode.ACT, DecisionMode.WAIT}:
        return False
    answer = usable_approval(tx, incident)
    is_approved = answer is not None and answer.state is ApprovalState.APPROVED
    begins = max(now, decision.retry_at or now)
    return not is_approved and begins - incident.opened_at > parts.decision.act_within


def _request_expired(parts: Parts, incident: Incident, decision: Decision) -> Decision:
    within = parts.decision.act_within.total_seconds()
    held = f"; {decision.statement}" if decision.mode is DecisionMode.WAIT else ""
    return msgspec.structs.replace(
        decision,
        mode=DecisionMode.REFUSE,
        reason=Reason.REQUEST_EXPIRED,
        statement=f"asked for at {incident.opened_at:%H:%M:%S} UTC, which has to begin within {within:g} s of that "
        f"(decision.act_within){held}. Ask again if it is still wanted",
        retry_at=None,
    )


def _under_gates(
    parts: Parts, tx: Tx, incident: Incident, assessment: Assessment, decision_id: DecisionId, *, now: datetime
) -> Decision:
    draft = Decision(
        id=decision_id,
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
    if _is_out_of_date(parts, assessment, now=now):
        return _seen_too_long_ago(draft)
    if assessment.plan is None:
        return draft
    rule = rule_of(parts, incident, assessment.rule)
    if rule is None or _was_reloaded(parts, assessment):
        return _asked_anew(draft)
    conclusion = ask_gates(parts, tx, incident, rule, assessment.plan, now=now)
    return msgspec.structs.replace(
        draft,
        mode=conclusion.mode,
        reason=conclusion.reason,
        statement=conclusion.statement,
        gates=conclusion.gates,
        retry_at=conclusion.retry_at,
    )


def _is_out_of_date(parts: Parts, assessment: Assessment, *, now: datetime) -> bool:
    """Whether the world was looked at before an outage: what was seen and planned then says nothing about now."""
    return assessment.seen_at is None or now - assessment.seen_at > parts.decision.evidence_max_age


def _seen_too_long_ago(decision: Decision) -> Decision:
    return msgspec.structs.replace(
        decision,
        mode=DecisionMode.WAIT,
        reason=Reason.EVIDENCE_STALE,
        statement="it was looked at before an interruption; looked at anew before anything is done",
        retry_at=decision.at + LOOK_AGAIN,
    )


def _was_reloaded(parts: Parts, assessment: Assessment) -> bool:
    """Whether other rules or runbooks hold now than those that the plan was made with."""
    page = parts.playbook.page
    return assessment.runbook not in page.runbooks or assessment.page not in {"", page.digest}


def _asked_anew(decision: Decision) -> Decision:
    return msgspec.structs.replace(
        decision,
        mode=DecisionMode.WAIT,
        reason=Reason.RULES_CHANGED,
        statement="the rules or the runbooks changed while this was looked at; asked anew with the new ones",
        retry_at=decision.at + LOOK_AGAIN,
    )


def _felt(incident: Incident, decision: Decision) -> set[Resource]:
    touched = (decision.plan.target, *decision.plan.touches) if decision.plan else ()
    return {incident.resource, *touched}


def _given_up(parts: Parts, decision: Decision) -> Decision:
    """What waited for another incident has nothing of its own that could be waited for; its rules are asked again."""
    waited = parts.decision.give_up_after.total_seconds()
    return msgspec.structs.replace(
        decision,
        mode=DecisionMode.REFUSE,
        reason=Reason.NO_HYPOTHESIS if decision.reason is Reason.ANOTHER_INCIDENT else Reason.GAVE_UP,
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
        due_at = _due_at(parts, incident, decision, now=now)
        park(tx, incident, kind, state=IncidentState.WAITING, reason=decision.reason, due_at=due_at, now=now)
        return Decided(mode=decision.mode, reason=decision.reason, wake_at=due_at)
    if decision.mode is DecisionMode.OBSERVE:
        withdraw_question(tx, incident, now=now, note="it is only watched now")
        finish(tx, incident, state=incident.state, reason=decision.reason, now=now)
        parts.post(tx, compose.decision_observed(incident, decision, at=now))
        return Decided(mode=decision.mode, reason=decision.reason)
    escalate(parts, tx, incident, reason=decision.reason, statement=decision.statement, now=now)
    return Decided(mode=decision.mode, reason=decision.reason)


def _due_at(parts: Parts, incident: Incident, decision: Decision, *, now: datetime) -> datetime:
    """A gate that names its hour is believed."""
    asked = decision.retry_at or now + LOOK_AGAIN
    if decision.reason in {Reason.HOLDING, Reason.COOLING_DOWN, Reason.SILENCED}:
        return asked
    pause = incidents.pause_between_looks(incident, now=now)
    if decision.reason is Reason.ANOTHER_INCIDENT:  # looked at while the end of that one is still seen as new
        pause = min(pause, parts.incidents.clear_after / 2)
    return max(asked, now + pause)


def _begin_run(parts: Parts, tx: Tx, incident: Incident, decision: Decision, *, now: datetime) -> Decided:
    plan, runbook = _plan_of(decision), parts.runbooks[decision.runbook or ""]
    yes = _yes_spent_by(tx, incident, now=now)
    if decision.reason is Reason.APPROVED and yes is not None:
        plan = plan.as_approved(yes.plan)
    run = Run(
        id=RunId(decision.id.replace("dec-", "run-", 1)),
        incident_id=incident.id,
        decision_id=decision.id,
        runbook=runbook.name,
        runbook_digest=runbook.digest,
        plan=plan,
        state=RunState.RUNNING,
        approval_id=yes.id if yes else None,
        requested_by=_requester(incident, decision, yes),
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


def _yes_spent_by(tx: Tx, incident: Incident, *, now: datetime) -> Approval | None:
    """A yes pays for the next action, needed or not; a question that is open while nobody has to agree is withdrawn.
    Otherwise either would pay for a later action."""
    asked = tx.approvals.newest_of(incident.id)
    if asked is not None and asked.state is ApprovalState.PENDING:
        note = "it acts without the answer: nobody has to agree any more"  # also when its time is up: nobody refused
        tx.approvals.settle(asked.id, ApprovalState.WITHDRAWN, by=ENGINE, at=now, note=note)
    given = usable_approval(tx, incident)
    return given if given is not None and given.state is ApprovalState.APPROVED else None


def _requester(incident: Incident, decision: Decision, yes: Approval | None) -> str:
    if decision.reason is Reason.APPROVED and yes is not None and yes.decided_by is not None:
        return yes.decided_by
    return incident.request.by if incident.request else f"rule:{decision.rule}"


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
            requested_by=incident.request.by if incident.request else ENGINE,
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

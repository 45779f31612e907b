"""The effect, between two transactions: intent before it, outcome after it, probe instead of a blind repetition.

The gates are asked once more in the very transaction that stores the intent; run and incident move on in the one that
stores the outcome. `act` answers whether there is something to verify.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from recoverops.model import (
    ActionRecord,
    Decision,
    DecisionMode,
    ExecutionStatus,
    Incident,
    IncidentState,
    Outcome,
    OutcomeStatus,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Record,
    Run,
    RunId,
    RunState,
    SegmentKey,
    Service,
    WaitKind,
)
from recoverops.pipeline.again import again
from recoverops.pipeline.deciding import LOOK_AGAIN
from recoverops.pipeline.ending import escalate, park
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.permit import ask_gates, rule_of
from recoverops.pipeline.story import tell
from recoverops.ports import Tx, WorkflowContext
from recoverops.redact import redact
from recoverops.remediation import HAS_ACTED, NextMove, after_execution, after_probe, expired, first_move, half_done

STEP = 1
"""A runbook has one action; its intent's key is `<run id>:1`."""


class Permit(Record, frozen=True, kw_only=True):
    """What the intent transaction found."""

    run: Run
    intent: ActionRecord
    is_new: bool
    refusal: Outcome | None = None

    @property
    def is_settled(self) -> bool:
        """An earlier try got as far as its last transaction."""
        return self.run.state is not RunState.RUNNING


def act(parts: Parts, ctx: WorkflowContext, key: SegmentKey, run_id: RunId) -> bool:
    permit = ctx.tx("intent", lambda tx: _take_permit(parts, tx, run_id))
    if permit.is_settled:
        return permit.run.state is RunState.VERIFYING
    outcome = permit.refusal or ctx.step("effect", lambda: _call(parts, permit), is_owed=True)
    return again(lambda: ctx.tx("outcome", lambda tx: _settle(parts, tx, key, permit, outcome), is_owed=True))


def _call(parts: Parts, permit: Permit) -> Outcome:
    """Noted while it lasts: a person is told of one that does not return (`overdue`)."""
    with parts.calls.noted(permit.intent, began=parts.clock.monotonic()):
        return _outcome(parts, permit)


def _outcome(parts: Parts, permit: Permit) -> Outcome:
    move = first_move(None if permit.is_new else permit.intent)
    if move is NextMove.RETURN:
        assert permit.intent.outcome is not None
        return permit.intent.outcome
    found = _after_interruption(parts, permit) if move is NextMove.PROBE else None
    return found or _execute(parts, permit.intent)


def _take_permit(parts: Parts, tx: Tx, run_id: RunId) -> Permit:
    """Stores the intent if every gate is open now; finds the one that an earlier try left."""
    now, run = parts.clock.now(), tx.runs.get(run_id)
    intent = ActionRecord(
        key=f"{run.id}:{STEP}", run_id=run.id, step=STEP, plan=run.plan, intent_at=now, not_after=run.not_after
    )
    known = next((one for one in tx.runs.actions_of(run.id) if one.key == intent.key), None)
    if known is not None or run.state is not RunState.RUNNING:
        return Permit(run=run, intent=known or intent, is_new=False)
    refusal = _refusal(parts, tx, run, now=now)
    if refusal is not None:
        return Permit(run=run, intent=intent, is_new=True, refusal=refusal)
    tx.runs.insert_intent(intent)
    tx.audit.append(
        at=now,
        actor=run.requested_by,
        event="action.intent",
        subject=intent.key,
        detail={
            "incident": run.incident_id,
            "action": run.plan.action,
            "target": str(run.plan.target),
            "plan": run.plan.hash,
        },
    )
    return Permit(run=run, intent=intent, is_new=True)


def _refusal(parts: Parts, tx: Tx, run: Run, *, now: datetime) -> Outcome | None:
    if now > run.not_after:
        return expired(not_after=run.not_after, now=now)
    parts = parts.pinned()
    decision = next(one for one in tx.decisions.of_incident(run.incident_id) if one.id == run.decision_id)
    incident = tx.incidents.get(run.incident_id)
    rule = rule_of(parts, incident, decision.rule)
    if rule is None or _has_changed(parts, incident, decision, run):
        return Outcome(
            status=OutcomeStatus.GATED, statement="the rules or the runbook changed since the decision", at=now
        )
    conclusion = ask_gates(parts, tx, incident, rule, run.plan, now=now, ignoring=run.id)
    if conclusion.mode is DecisionMode.ACT:
        return None
    return Outcome(status=OutcomeStatus.GATED, statement=f"{conclusion.reason}: {conclusion.statement}", at=now)


def _has_changed(parts: Parts, incident: Incident, decision: Decision, run: Run) -> bool:
    """Whether other rules hold, or another runbook, than it was decided with. A run that a person asked for has no rule
    of the file; any rule counts, because one before it may match now."""
    runbook = parts.runbooks.get(run.runbook)
    if runbook is None or runbook.digest != run.runbook_digest:
        return True
    return incident.request is None and decision.rules_digest != parts.rules.digest


def _after_interruption(parts: Parts, permit: Permit) -> Outcome | None:
    """An intent without an outcome: find out what happened. None: it did not happen and may still be done."""
    probe = _probe(parts, permit.intent.plan)
    after = after_probe(probe, not_after=permit.intent.not_after, now=parts.clock.now())
    if after.move is NextMove.RETURN:
        return after.outcome
    refusal = parts.store.read(lambda tx: _refusal(parts, tx, permit.run, now=parts.clock.now()))
    if refusal is not None and probe.answer is ProbeAnswer.HALF_DONE:
        return half_done(probe, why=refusal.statement, now=parts.clock.now())
    return refusal


def _service(parts: Parts, plan: Plan) -> Service | None:
    return parts.inventory.find(plan.target)


def _probe(parts: Parts, plan: Plan) -> ProbeResult:
    service, action = _service(parts, plan), parts.actions.get(plan.action)
    if service is None or action is None:
        return ProbeResult(
            answer=ProbeAnswer.UNKNOWN,
            statement=f"{plan.target} or the action {plan.action} is not configured any more",
        )
    return action.probe(plan, service)


def _execute(parts: Parts, intent: ActionRecord) -> Outcome:
    plan = intent.plan
    service, action = _service(parts, plan), parts.actions.get(plan.action)
    if service is None or action is None:
        return Outcome(
            status=OutcomeStatus.FAILED,
            statement=f"not started: {plan.target} or the action {plan.action} is not configured any more",
            at=parts.clock.now(),
        )
    execution = action.execute(plan, service, idempotency_key=intent.key)
    probe = action.probe(plan, service) if execution.status is ExecutionStatus.UNKNOWN else None
    outcome = after_execution(execution, probe, now=parts.clock.now())
    return msgspec.structs.replace(outcome, statement=redact(outcome.statement))


def _settle(parts: Parts, tx: Tx, key: SegmentKey, permit: Permit, outcome: Outcome) -> bool:
    """Stores the outcome, and moves run and incident on. True: verify now."""
    stored = tx.runs.get(permit.run.id)
    if stored.state is not RunState.RUNNING:  # it was committed, but we were not told
        return stored.state is RunState.VERIFYING
    if permit.refusal is None and permit.intent.outcome is None:
        tx.runs.record_outcome(permit.intent.key, outcome)
        tx.audit.append(
            at=outcome.at,
            actor=ENGINE,
            event="action.outcome",
            subject=permit.intent.key,
            detail={"status": outcome.status, "statement": outcome.statement},
        )
    return _move_on(parts, tx, key, permit.run, outcome)


def _move_on(parts: Parts, tx: Tx, key: SegmentKey, run: Run, outcome: Outcome) -> bool:
    incident, now = tx.incidents.get(key.incident_id), parts.clock.now()
    tell(
        tx,
        incident,
        "acted" if outcome.status in HAS_ACTED else f"action_{outcome.status}",
        f"{run.plan.action} on {run.plan.target} - {outcome.statement}",
        at=outcome.at,
        actor=run.requested_by,
        detail={"run": run.id, "status": outcome.status},
    )
    parts.telemetry.count("remediation_actions_total", action=run.plan.action, outcome=outcome.status)
    if outcome.status in HAS_ACTED:
        tx.runs.save(msgspec.structs.replace(run, state=RunState.VERIFYING, acted_at=outcome.at))
        tx.incidents.save(
            msgspec.structs.replace(incident, state=IncidentState.VERIFYING, reason=outcome.status, updated_at=now)
        )
        return True
    if outcome.status in {OutcomeStatus.GATED, OutcomeStatus.EXPIRED}:
        tx.limits.cancel(run.id)
        tx.runs.save(msgspec.structs.replace(run, state=RunState.ABANDONED, ended_at=now))
        due_at = now + LOOK_AGAIN
        park(tx, incident, WaitKind.GATE, state=IncidentState.WAITING, reason=outcome.status, due_at=due_at, now=now)
        parts.nudge(due_at)
        return False
    parts.telemetry.count("remediation_failure_total", reason=f"action_{outcome.status}")
    state = RunState.FAILED if outcome.status is OutcomeStatus.FAILED else RunState.UNKNOWN
    tx.limits.release(run.id)
    tx.runs.save(msgspec.structs.replace(run, state=state, ended_at=now))
    escalate(parts, tx, incident, reason=f"action_{outcome.status}", statement=outcome.statement, now=now)
    return False

"""Take it back: it did not help, or a person asked. One undo a run, compare-and-set by the action itself.

Done like the effect: intent, undo, outcome; after a crash `probe_undo` is asked first. An
emergency stop or a silence holds an undo too; then the person who is called finds the change still in place, and is
told so. An undo that a person asked for is a run of its own (`Run.undoes`), stored by `operations.undo`.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

import msgspec

from recoverops.model import (
    ActionRecord,
    ExecutionStatus,
    Incident,
    IncidentId,
    IncidentState,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
    ProbeResult,
    Run,
    RunId,
    RunState,
    SegmentKey,
    UnreachableError,
)
from recoverops.notifications import compose
from recoverops.pipeline.again import again
from recoverops.pipeline.ending import escalate, finish
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.story import tell
from recoverops.ports import ReversibleAction, Tx, WorkflowContext
from recoverops.redact import redact
from recoverops.remediation import HAS_ACTED, after_execution, after_probe, expired

STEP = 2
"""The effect was step 1."""

_ENDED_AS = {
    OutcomeStatus.SUCCEEDED: RunState.UNDONE,
    OutcomeStatus.FOUND_DONE: RunState.UNDONE,
    OutcomeStatus.FAILED: RunState.FAILED,
    OutcomeStatus.UNKNOWN: RunState.UNKNOWN,
    OutcomeStatus.GATED: RunState.ABANDONED,
    OutcomeStatus.EXPIRED: RunState.ABANDONED,
}
"""How the run ends that a person's undo is."""


def undo(parts: Parts, ctx: WorkflowContext, key: SegmentKey, run_id: RunId) -> None:
    intent, is_new = ctx.tx("undo-intent", lambda tx: _take_intent(parts, tx, run_id))
    outcome = intent.outcome
    if outcome is None:
        outcome = ctx.step("undo", lambda: _call(parts, intent, is_new=is_new), is_owed=True)
    again(lambda: ctx.tx("undo-outcome", lambda tx: _settle(parts, tx, key, intent, outcome), is_owed=True))
    parts.nudge(None)


def _call(parts: Parts, intent: ActionRecord, *, is_new: bool) -> Outcome:
    with parts.calls.noted(intent, began=parts.clock.monotonic()):
        return _undo(parts, intent, is_new=is_new)


def _undo(parts: Parts, intent: ActionRecord, *, is_new: bool) -> Outcome:
    now, probe = parts.clock.now(), None
    if not is_new:
        probe = _probe(parts, intent)
        found = after_probe(probe, not_after=intent.not_after, now=now).outcome
        if found is not None:
            return found
    elif now > intent.not_after:
        return expired(not_after=intent.not_after, now=now)
    held = _held_by(parts, intent)
    if held is not None:
        is_half_done = probe is not None and probe.answer is ProbeAnswer.HALF_DONE
        so_far = f"it stands half-way: {probe.statement}" if probe and is_half_done else "the change is still in place"
        told = f"held by {held}; {so_far}"
        return Outcome(status=OutcomeStatus.GATED, statement=told, at=parts.clock.now())
    return _restore(parts, intent)


def _take_intent(parts: Parts, tx: Tx, run_id: RunId) -> tuple[ActionRecord, bool]:
    """The stored intent, and whether it is new."""
    now, run = parts.clock.now(), tx.runs.get(run_id)
    intent = ActionRecord(
        key=f"{run.id}:{STEP}",
        run_id=run.id,
        step=STEP,
        plan=run.plan,
        intent_at=now,
        not_after=run.not_after if run.undoes else now + parts.decision.act_within,
        is_undo=True,
    )
    known = tx.runs.insert_intent(intent)
    if known is not None:
        return known, False
    detail = {"incident": run.incident_id, "action": run.plan.action, "target": str(run.plan.target)}
    tx.audit.append(at=now, actor=_asker(run), event="undo.intent", subject=intent.key, detail=detail)
    return intent, True


def _asker(run: Run) -> str:
    return run.requested_by if run.undoes else ENGINE


def _held_by(parts: Parts, intent: ActionRecord) -> str | None:
    if _is_stopped(parts):
        return "the emergency stop"
    now, felt = parts.clock.now(), (intent.plan.target, *intent.plan.touches)
    silences = parts.store.read(lambda tx: tx.silences.active(now))
    return next((f"a silence ({one})" for one in silences if any(map(one.covers, felt))), None)


def _is_stopped(parts: Parts) -> bool:
    try:
        return parts.stop.read().stopped
    except UnreachableError:
        return True


def _left(parts: Parts, run_id: RunId) -> dict[str, str]:
    """The state that the effect left: this run's own, or that of the run which it takes back."""
    actions = parts.store.read(lambda tx: tx.runs.actions_of(tx.runs.get(run_id).undoes or run_id))
    effect = next(one for one in actions if not one.is_undo)
    return dict(effect.outcome.after) if effect.outcome is not None else {}


def _probe(parts: Parts, intent: ActionRecord) -> ProbeResult:
    service, action = parts.inventory.find(intent.plan.target), parts.actions.get(intent.plan.action)
    if service is None or action is None:
        return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=f"{intent.plan.target} is not configured any more")
    return cast(ReversibleAction, action).probe_undo(intent.plan, _left(parts, intent.run_id), service)


def _restore(parts: Parts, intent: ActionRecord) -> Outcome:
    service, action = parts.inventory.find(intent.plan.target), parts.actions.get(intent.plan.action)
    if service is None or action is None:
        gone = f"{intent.plan.target} or the action {intent.plan.action} is not configured any more"
        return Outcome(status=OutcomeStatus.FAILED, statement=gone, at=parts.clock.now())
    left, reversible = _left(parts, intent.run_id), cast(ReversibleAction, action)
    execution = reversible.undo(intent.plan, left, service, idempotency_key=intent.key)
    is_unknown = execution.status is ExecutionStatus.UNKNOWN
    probe = reversible.probe_undo(intent.plan, left, service) if is_unknown else None
    outcome = after_execution(execution, probe, now=parts.clock.now())
    return msgspec.structs.replace(outcome, statement=redact(outcome.statement))


def _settle(parts: Parts, tx: Tx, key: SegmentKey, intent: ActionRecord, outcome: Outcome) -> None:
    """Stores the outcome, and ends run and incident."""
    now, run, incident = parts.clock.now(), tx.runs.get(intent.run_id), tx.incidents.get(key.incident_id)
    if run.ended_at is not None:  # it was committed, but we were not told
        return
    if intent.outcome is None:
        tx.runs.record_outcome(intent.key, outcome)
        detail = {"status": outcome.status, "statement": outcome.statement}
        tx.audit.append(at=outcome.at, actor=ENGINE, event="undo.outcome", subject=intent.key, detail=detail)
    is_undone = outcome.status in HAS_ACTED
    _tell(tx, incident.id, run, outcome, is_undone=is_undone)
    if run.undoes is not None:
        _end_request(parts, tx, incident, run, outcome, now=now)
        return
    tx.limits.release(run.id)
    state = RunState.UNDONE if is_undone else RunState.FAILED
    tx.runs.save(msgspec.structs.replace(run, state=state, ended_at=now))
    parts.telemetry.count("recoverops_undos_total", action=run.plan.action, outcome=outcome.status)
    verdict = run.verdict.statement if run.verdict else "it did not help"
    told = "it was undone" if is_undone else f"it could not be undone: {outcome.statement}"
    reason = "undone" if is_undone else f"undo_{outcome.status}"
    escalate(parts, tx, incident, reason=reason, statement=f"{verdict}; {told}", now=now)


def _end_request(parts: Parts, tx: Tx, incident: Incident, run: Run, outcome: Outcome, *, now: datetime) -> None:
    """A person asked for it: the answer stands with both incidents. What was not started counts in no limit."""
    assert run.undoes is not None
    is_undone = outcome.status in HAS_ACTED
    _tell(tx, tx.runs.get(run.undoes).incident_id, run, outcome, is_undone=is_undone)
    tx.limits.cancel(run.id) if outcome.was_not_started else tx.limits.release(run.id)
    tx.runs.save(msgspec.structs.replace(run, state=_ENDED_AS[outcome.status], ended_at=now))
    parts.telemetry.count("recoverops_undos_total", action=run.plan.action, outcome=outcome.status)
    told = f"{run.plan.action} on {run.plan.target} - {outcome.statement}"
    if not is_undone:
        escalate(parts, tx, incident, reason=f"undo_{outcome.status}", statement=f"not undone: {told}", now=now)
        return
    saved = finish(tx, incident, state=IncidentState.RESOLVED, reason="undone", now=now)
    tell(tx, saved, "resolved", told, at=now, actor=ENGINE, detail={"reason": "undone"})
    parts.post(tx, compose.run_undone(saved, told, at=now))
    parts.telemetry.count("recoverops_incidents_resolved_total", reason="undone")


def _tell(tx: Tx, incident: IncidentId, run: Run, outcome: Outcome, *, is_undone: bool) -> None:
    tell(
        tx,
        incident,
        "undone" if is_undone else "undo_failed",
        f"{run.plan.action} on {run.plan.target} - {outcome.statement}",
        at=outcome.at,
        actor=_asker(run),
        detail={"run": run.id, "status": outcome.status},
    )

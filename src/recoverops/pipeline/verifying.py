"""Watches the resource after the action until it is clear whether it helped, then closes or escalates."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from recoverops.model import (
    EffectClass,
    Incident,
    IncidentState,
    Record,
    Run,
    RunId,
    RunState,
    SegmentKey,
    Verdict,
    VerdictStatus,
    WaitKind,
)
from recoverops.pipeline.again import again
from recoverops.pipeline.ending import VERIFIED, escalate, park, resolve
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.story import tell
from recoverops.ports import Tx, WorkflowContext
from recoverops.remediation import VerifySettings, judge, next_look

SHORTEST_LOOK, LONGEST_LOOK = timedelta(milliseconds=100), timedelta(seconds=5)
THREAD_LIMIT = timedelta(seconds=60)
"""A verification that takes longer than this goes on in a new segment, so that it holds no thread."""


class Look(Record, frozen=True, kw_only=True):
    """One look at the resource; `verdict` is None while it is too early to say."""

    verdict: Verdict | None
    wait: timedelta = LONGEST_LOOK
    """Until the next look can find more."""


class Ended(StrEnum):
    """How the watching ended."""

    FINISHED = "finished"
    HAS_TO_UNDO = "has_to_undo"
    LATER = "later"
    """it goes on in a new segment"""


def verify(parts: Parts, ctx: WorkflowContext, key: SegmentKey, run_id: RunId) -> bool:
    """True: it did not help and can be taken back; the run is UNDOING and waits for that."""
    look = _watch(parts, ctx, key, run_id)
    with parts.verdicts, parts.store.patiently():
        ended = again(lambda: ctx.tx("verdict", lambda tx: _end(parts, tx, key, run_id, look)))
    parts.nudge(None)
    return ended is Ended.HAS_TO_UNDO


def _watch(parts: Parts, ctx: WorkflowContext, key: SegmentKey, run_id: RunId) -> Look:
    """The look that ended it: with a verdict, or with a wait that is too long for this segment."""
    run, begun_at = ctx.read("verify", lambda tx: _acted(tx, run_id))
    wait = _before_the_first_look(parts, run)
    waited = timedelta(0)
    while waited + wait <= THREAD_LIMIT:
        ctx.sleep(wait)
        waited += wait
        incident = ctx.read("look", lambda tx: tx.incidents.get(key.incident_id))
        look = _look(parts, incident, run, begun_at)
        if look.verdict is not None:
            return look
        wait = look.wait
    return Look(verdict=None, wait=wait)


def _acted(tx: Tx, run_id: RunId) -> tuple[Run, datetime]:
    """The run, and when its action began. Nothing of that changes while it is verified."""
    run = tx.runs.get(run_id)
    assert run.acted_at is not None, "a run is verified only after it acted"
    return run, min((one.intent_at for one in tx.runs.actions_of(run_id) if not one.is_undo), default=run.acted_at)


def _before_the_first_look(parts: Parts, run: Run) -> timedelta:
    """Nothing is looked at earlier: no recovery could have held for long enough."""
    now = parts.clock.now()
    runbook = parts.playbook.runbook_of(run)
    if runbook is None or run.acted_at is None:
        return timedelta(0)
    needed = runbook.verify.lag + runbook.verify.hold
    return min(max(timedelta(0), run.acted_at + needed - now), needed)  # never longer: the clock may have been set back


def _look(parts: Parts, incident: Incident, run: Run, begun_at: datetime) -> Look:
    now = parts.clock.now()
    runbook = parts.playbook.runbook_of(run)
    if runbook is None:
        told = f'the runbook "{run.runbook}" is not configured any more, so nobody knows what recovery means'
        return Look(verdict=Verdict(status=VerdictStatus.UNKNOWN, statement=told, at=now))
    assert run.acted_at is not None
    conditions, verify = parts.conditions.of_resource(incident.resource), runbook.verify
    verdict = judge(incident, conditions, begun_at=begun_at, acted_at=run.acted_at, now=now, verify=verify)
    wait = next_look(incident, conditions, acted_at=run.acted_at, now=now, verify=verify, at_least=_every(verify))
    return Look(verdict=verdict, wait=wait)


def _every(verify: VerifySettings) -> timedelta:
    return min(max(verify.hold / 8, SHORTEST_LOOK), LONGEST_LOOK)


def _end(parts: Parts, tx: Tx, key: SegmentKey, run_id: RunId, look: Look) -> Ended:
    run, incident = tx.runs.get(run_id), tx.incidents.get(key.incident_id)
    if run.state is not RunState.VERIFYING:  # it was committed, but we were not told
        return Ended.HAS_TO_UNDO if run.state is RunState.UNDOING else Ended.FINISHED
    if look.verdict is None:
        if incident.segment == key.segment:
            _park(parts, tx, incident, look.wait)
        return Ended.LATER
    return Ended.HAS_TO_UNDO if _conclude(parts, tx, incident, run, look.verdict) else Ended.FINISHED


def _park(parts: Parts, tx: Tx, incident: Incident, rest: timedelta) -> None:
    now = parts.clock.now()
    due_at = now + rest
    park(tx, incident, WaitKind.VERIFICATION, state=IncidentState.VERIFYING, reason="verifying", due_at=due_at, now=now)


def _stays(run: Run) -> str:
    return f"{run.plan.action} stays as it is: a person takes it back, with `recoverops undo {run.id}`"


def _conclude(parts: Parts, tx: Tx, incident: Incident, run: Run, verdict: Verdict) -> bool:
    """True: it is to be undone."""
    now = parts.clock.now()
    helped = verdict.status is VerdictStatus.RECOVERED
    unknown = verdict.status is VerdictStatus.UNKNOWN
    state = RunState.SUCCEEDED if helped else RunState.UNKNOWN if unknown else RunState.FAILED
    is_reversible = run.plan.effect is EffectClass.REVERSIBLE
    has_to_undo = state is RunState.FAILED and is_reversible and not run.plan.always_asks
    if has_to_undo:
        tx.runs.save(msgspec.structs.replace(run, state=RunState.UNDOING, verdict=verdict))
    else:
        tx.limits.release(run.id)
        tx.runs.save(msgspec.structs.replace(run, state=state, verdict=verdict, ended_at=now))
    tell(
        tx,
        incident,
        "verified",
        f"{verdict.status}: {verdict.statement}",
        at=now,
        actor=ENGINE,
        detail={"run": run.id, "verdict": verdict.status},
    )
    if helped:
        parts.telemetry.count("remediation_success_total", action=run.plan.action)
        resolve(parts, tx, incident, reason=VERIFIED, statement=f"{run.runbook} helped", now=now)
        return False
    parts.telemetry.count("remediation_failure_total", reason=verdict.status)
    if not has_to_undo:
        told = f"{verdict.statement}; {_stays(run)}" if is_reversible and run.plan.always_asks else verdict.statement
        escalate(parts, tx, incident, reason=f"verdict_{verdict.status}", statement=told, now=now)
    return has_to_undo

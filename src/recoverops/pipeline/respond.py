"""The response to one incident: decide, act, verify, undo. A plain function over `ports.WorkflowContext`.

Each call is one segment. A segment ends by finishing the response, or by parking it in a `wait` row; the sweep or a
signal starts the next one. The truth is in the store and nowhere else: a segment that was cut off runs again, finds out
what was done, and goes on from there.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from recoverops.model import Incident, Record, ResponseStage, RunId, RunState, SegmentKey
from recoverops.pipeline.acting import act
from recoverops.pipeline.again import again
from recoverops.pipeline.assess import Assessment, assess
from recoverops.pipeline.deciding import LOOK_AGAIN, Decided, decide_in
from recoverops.pipeline.ending import restart_response
from recoverops.pipeline.parts import Parts
from recoverops.pipeline.undoing import undo
from recoverops.pipeline.verifying import verify
from recoverops.ports import Tx, WorkflowContext


class Begin(StrEnum):
    STALE = "stale"
    """the incident is over, or another segment has taken this one's place"""
    DECIDE = "decide"
    ACT = "act"
    VERIFY = "verify"
    UNDO = "undo"


class Begun(Record, frozen=True, kw_only=True):
    what: Begin
    run_id: RunId | None = None
    """The run to go on with; None when there is nothing to do in this segment."""
    decided: Decided | None = None
    """When there was something to decide."""


_RESUME = {RunState.VERIFYING: Begin.VERIFY, RunState.UNDOING: Begin.UNDO}


def respond(parts: Parts, ctx: WorkflowContext, key: SegmentKey) -> None:
    begun = _begun(parts, ctx, key)
    if begun.decided is not None:
        _heard(parts, begun.decided)
    run_id = begun.run_id
    if run_id is None:
        return
    if begun.what is not Begin.UNDO:
        is_to_verify = begun.what is Begin.VERIFY or act(parts, ctx, key, run_id)
        if not is_to_verify or not verify(parts, ctx, key, run_id):
            return
    undo(parts, ctx, key, run_id)


def _begun(parts: Parts, ctx: WorkflowContext, key: SegmentKey) -> Begun:
    what, run_id, incident = ctx.read("begin", lambda tx: _standing(tx, key))
    if what is not Begin.DECIDE:
        return Begun(what=what, run_id=run_id)
    # The world is looked at outside the transaction, which would keep every other writer waiting for an answer of the
    # target.
    assessment = assess(parts, incident, now=parts.clock.now())
    return ctx.tx("decide", lambda tx: _decided(parts, tx, key, assessment, looked_at=incident))


def _decided(parts: Parts, tx: Tx, key: SegmentKey, assessment: Assessment, *, looked_at: Incident) -> Begun:
    what, run_id, incident = _standing(tx, key)
    if what is not Begin.DECIDE:
        return Begun(what=what, run_id=run_id)
    decided = decide_in(parts, tx, incident, assessment)
    if decided.wake_at is not None and incident.series != looked_at.series:
        decided = _looking_again(parts, tx, incident, decided)
    return Begun(what=what, run_id=decided.run_id, decided=decided)


def _looking_again(parts: Parts, tx: Tx, incident: Incident, decided: Decided) -> Decided:
    """What joined since it was looked at would have brought the wait forward, had there been one already."""
    soon = parts.clock.now() + LOOK_AGAIN
    tx.waits.make_due(incident.id, at=soon)
    return msgspec.structs.replace(decided, wake_at=min(soon, decided.wake_at or soon))


def _standing(tx: Tx, key: SegmentKey) -> tuple[Begin, RunId | None, Incident]:
    incident = tx.incidents.get(key.incident_id)
    is_current = (incident.episode, incident.segment) == (key.episode, key.segment)
    if incident.is_over or not is_current or incident.response is not ResponseStage.DUE:
        return Begin.STALE, None, incident
    run = tx.runs.unfinished_of(incident.id)
    if run is None:
        return Begin.DECIDE, None, incident
    return _RESUME.get(run.state, Begin.ACT), run.id, incident


def _heard(parts: Parts, decided: Decided) -> None:
    parts.telemetry.count("recoverops_decisions_total", mode=decided.mode, reason=decided.reason)
    if decided.wake_at is not None:
        parts.nudge(decided.wake_at)
    elif decided.run_id is None:
        parts.nudge(None)


def on_failure(parts: Parts, key: SegmentKey, message: str) -> None:
    """A segment raised. Start the response afresh a little later, a few times; then call a person.

    Called by the workflow engine; raises nothing but what the store raises.
    """
    parts.telemetry.count("recoverops_response_errors_total")
    parts.nudge(again(lambda: parts.store.write(lambda tx: restart_response(parts, tx, key, message))))

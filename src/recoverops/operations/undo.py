"""A person takes back what a run changed: an incident of its own that carries the undo, done by the response.

Nothing is undone here. The request, its run and the lock on the target are stored in one transaction; a running engine
takes it up within a second and undoes exactly as it does after a remedy that did not help. One undo a run: the undo's
id is made of the run's, so the database refuses a second one. An undo that was held back did nothing; it may be asked
for again. What failed, or has an unknown end, may have been done in part; the action's own compare-and-set finds out,
and says so when there is nothing to undo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recoverops.model import (
    ActionRecord,
    ConflictError,
    EffectClass,
    Fingerprint,
    Incident,
    IncidentState,
    NotFoundError,
    OutcomeStatus,
    ResponseStage,
    Run,
    RunId,
    RunState,
    Severity,
    TimelineEntry,
    digest,
    new_incident_id,
)
from recoverops.operations.view import find_incident
from recoverops.ports import Clock, Store, Tx
from recoverops.remediation import HAS_ACTED

SYMPTOM = "undo_requested"


_MAY_HAVE_ACTED = HAS_ACTED | {OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN}
"""The action was called. GATED and EXPIRED say that it was not."""


class UndoRefusal(StrEnum):
    """Why a run cannot be undone; the word stands in the error."""

    STILL_RUNNING = "still_running"
    NOTHING_DONE = "nothing_done"
    NOT_REVERSIBLE = "not_reversible"
    ALREADY_UNDONE = "already_undone"
    UNDO_FAILED = "undo_failed"
    """it was tried and did not succeed, or nobody can tell: a person has to look at the target"""
    BEING_UNDONE = "being_undone"


_LOOK_FURTHER_BACK = frozenset({UndoRefusal.NOTHING_DONE, UndoRefusal.NOT_REVERSIBLE, UndoRefusal.ALREADY_UNDONE})
"""Of an incident the run before may be undone all the same."""


@dataclass(frozen=True, slots=True)
class _Refused:
    why: UndoRefusal
    statement: str


def request_undo(store: Store, clock: Clock, named: str, *, by: str, reason: str, act_within: timedelta) -> Incident:
    """The incident that carries the undo of the run `named`, or of the last reversible run of the incident `named`.

    It is not begun later than `act_within` from now. Raises NotFoundError; ConflictError with an `UndoRefusal`, or
    while another run has the lock on what it touches.
    """
    return store.write(lambda tx: _request(tx, named, by=by, reason=reason, now=clock.now(), act_within=act_within))


def _request(tx: Tx, named: str, *, by: str, reason: str, now: datetime, act_within: timedelta) -> Incident:
    run = _chosen(tx, named)
    tx.limits.usage(run.plan.target, now=now)  # from here on nobody else decides, so what is read below stays true
    refused = _refusal(tx, run)
    if refused is not None:
        raise _conflict(run.id, refused)
    incident, undo = _undo_of(run, sum(1 for _ in _asked_before(tx, run)) + 1, by, reason, now=now, within=act_within)
    tx.limits.reserve(run_id=undo.id, target=run.plan.target, touches=run.plan.touches, at=now)
    tx.incidents.insert(incident)
    tx.runs.insert(undo)
    for incident_id in (incident.id, run.incident_id):
        text = f"{incident.title} ({incident.id})"
        tx.incidents.tell(
            TimelineEntry(incident_id=incident_id, at=now, event="undo_requested", actor=by, text=text, detail={})
        )
    detail = {"run": run.id, "of": run.incident_id, "target": str(run.plan.target), "reason": reason}
    tx.audit.append(at=now, actor=by, event="undo.requested", subject=incident.id, detail=detail)
    return incident


def _chosen(tx: Tx, named: str) -> Run:
    try:
        return tx.runs.get(RunId(named))
    except NotFoundError:
        if named.startswith("run-"):
            raise
    return _last_to_undo(tx, find_incident(tx, named))


def _last_to_undo(tx: Tx, incident: Incident) -> Run:
    first: tuple[RunId, _Refused] | None = None
    for run in reversed(tx.runs.of_incident(incident.id)):
        refused = _refusal(tx, run)
        if refused is None:
            return run
        first = first or (run.id, refused)
        if refused.why not in _LOOK_FURTHER_BACK:
            raise _conflict(run.id, refused)
    if first is not None:
        raise _conflict(*first)
    raise _conflict(incident.id, _Refused(UndoRefusal.NOTHING_DONE, "it has no run"))


def _conflict(named: str, refused: _Refused) -> ConflictError:
    return ConflictError(f"{named} cannot be undone ({refused.why}): {refused.statement}")


def _refusal(tx: Tx, run: Run) -> _Refused | None:
    if run.undoes is not None:
        return _Refused(UndoRefusal.NOT_REVERSIBLE, f"it is itself the undo of {run.undoes}; ask for the runbook again")
    if run.ended_at is None:
        return _Refused(UndoRefusal.STILL_RUNNING, f"it is {run.state}; wait until it has ended")
    working = tx.runs.unfinished_of(run.incident_id)
    if working is not None:
        return _Refused(UndoRefusal.STILL_RUNNING, f"{working.id} of the same incident is {working.state}; wait for it")
    actions = tx.runs.actions_of(run.id)
    effect = next((one for one in actions if not one.is_undo), None)
    if effect is None or effect.outcome is None or effect.outcome.status not in _MAY_HAVE_ACTED:
        return _Refused(UndoRefusal.NOTHING_DONE, _how_it_ended(effect))
    if run.plan.effect is not EffectClass.REVERSIBLE:
        return _Refused(UndoRefusal.NOT_REVERSIBLE, f"{run.plan.action} is {run.plan.effect} and has no undo")
    return _undone_before(tx, run, actions)


def _how_it_ended(effect: ActionRecord | None) -> str:
    if effect is None:
        return "its action never began"
    if effect.outcome is None:
        return "its action was begun, and nobody knows how it ended"
    return f"its action ended {effect.outcome.status}"


def _undone_before(tx: Tx, run: Run, actions: tuple[ActionRecord, ...]) -> _Refused | None:
    """By itself after it did not help, or by a person before. What was held back or came too late did nothing."""
    if run.state is RunState.UNDONE:
        return _Refused(UndoRefusal.ALREADY_UNDONE, f"it was, at {run.ended_at:%Y-%m-%d %H:%M:%S} UTC")
    if (told := _tried_by_itself(actions)) is not None:
        return _Refused(UndoRefusal.UNDO_FAILED, told)
    for undo in _asked_before(tx, run):
        if undo.ended_at is None:
            return _Refused(UndoRefusal.BEING_UNDONE, f"{undo.requested_by} asked for it: {undo.incident_id}")
        if undo.state is RunState.UNDONE:
            at = f"{undo.ended_at:%Y-%m-%d %H:%M:%S} UTC"
            return _Refused(UndoRefusal.ALREADY_UNDONE, f"{undo.requested_by} had it undone at {at}")
        if undo.state is not RunState.ABANDONED:
            return _Refused(UndoRefusal.UNDO_FAILED, f"its one undo was tried and {undo.state}: {undo.incident_id}")
    return None


def _tried_by_itself(actions: tuple[ActionRecord, ...]) -> str | None:
    own = next((one for one in actions if one.is_undo), None)
    if own is None or (own.outcome is not None and own.outcome.was_not_started):
        return None
    if own.outcome is None:
        return "its one undo was begun, and nobody knows how it ended"
    return f"its one undo was tried: {own.outcome.statement}"


def _asked_before(tx: Tx, run: Run) -> Iterator[Run]:
    """The undos of this run that people asked for, oldest first."""
    number = 1
    while True:
        try:
            yield tx.runs.get(_undo_id(run, number))
        except NotFoundError:
            return
        number += 1


def _undo_id(run: Run, number: int) -> RunId:
    return RunId(f"{run.id}-undo-{number}")


def _undo_of(run: Run, number: int, by: str, reason: str, *, now: datetime, within: timedelta) -> tuple[Incident, Run]:
    undo_id = _undo_id(run, number)
    incident = Incident(
        id=new_incident_id(now),
        fingerprint=Fingerprint(digest("undo", undo_id)[:32]),
        resource=run.plan.target,
        symptom=SYMPTOM,
        severity=Severity.LOW,
        state=IncidentState.OPEN,
        title=f"{by} asked to undo {run.plan.action} on {run.plan.target} - {reason}",
        opened_at=now,
        updated_at=now,
        response=ResponseStage.DUE,
        reason=SYMPTOM,
    )
    undo = Run(
        id=undo_id,
        incident_id=incident.id,
        decision_id=run.decision_id,
        runbook=run.runbook,
        runbook_digest=run.runbook_digest,
        plan=run.plan,
        state=RunState.UNDOING,
        undoes=run.id,
        requested_by=by,
        started_at=now,
        not_after=now + within,
    )
    return incident, undo

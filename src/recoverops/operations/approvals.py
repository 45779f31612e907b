"""Approve or deny: one compare-and-set row, and the waiting response is made due in the same transaction.

Works while no engine runs: the answer waits in the store and is delivered once.
"""

from __future__ import annotations

from datetime import datetime

from recoverops.model import (
    Approval,
    ApprovalId,
    ApprovalState,
    ConflictError,
    ForbiddenError,
    Reason,
    StopState,
    TimelineEntry,
)
from recoverops.operations.short_id import MOST_FOUND, named
from recoverops.ports import Clock, Store, Tx


def list_approvals(store: Store) -> tuple[Approval, ...]:
    """Those that wait for an answer."""
    return store.read(lambda tx: tx.approvals.pending())


def answer(store: Store, clock: Clock, approval_id: str, *, approve: bool, by: str, note: str = "") -> Approval:
    """The answered approval: of this id, or of the only one that ends so.

    Raises NotFoundError; ConflictError when it was answered before or has expired; ForbiddenError when the asker
    answers its own question.
    """
    return store.write(
        lambda tx: _answer(tx, _find_approval(tx, approval_id), approve=approve, by=by, note=note, now=clock.now())
    )


def _find_approval(tx: Tx, text: str) -> Approval:
    """By its id, or an unambiguous end of it, as incidents are found. Raises NotFoundError."""
    return named(
        text,
        get=lambda: tx.approvals.get(ApprovalId(text)),
        ending=lambda: tx.approvals.ending(text, limit=MOST_FOUND),
    )


def _answer(tx: Tx, asked: Approval, *, approve: bool, by: str, note: str, now: datetime) -> Approval:
    approval_id = asked.id
    if asked.requested_by == by:
        raise ForbiddenError(f"{by} asked for {approval_id} and cannot answer it; another person has to")
    if asked.state is ApprovalState.PENDING and now >= asked.expires_at:
        raise ConflictError(f"{approval_id} expired at {asked.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    state = ApprovalState.APPROVED if approve else ApprovalState.DENIED
    settled = tx.approvals.settle(approval_id, state, by=by, at=now, note=note)
    tx.incidents.tell(
        TimelineEntry(
            incident_id=settled.incident_id,
            at=now,
            event=state.value,
            actor=by,
            text=f"{by} {state.value} it: {settled.plan.summary}" + (f" ({note})" if note else ""),
            detail={"approval": approval_id},
        )
    )
    tx.audit.append(
        at=now,
        actor=by,
        event=f"approval.{state.value}",
        subject=approval_id,
        detail={"incident": settled.incident_id, "plan": settled.plan_hash, "note": note},
    )
    tx.waits.make_due(settled.incident_id, at=now)
    return settled


def while_stopped(settled: Approval, stop: StopState) -> str:
    """What a yes is worth while the emergency stop holds; empty when it does not, or for a no."""
    if settled.state is not ApprovalState.APPROVED or not stop.stopped:
        return ""
    who = f" (by {stop.by}: {stop.reason})" if stop.by else f" ({stop.reason})"
    return (
        f"the emergency stop holds{who}: the yes to {settled.id} does nothing, and {settled.incident_id} is left with "
        f"a person ({Reason.EMERGENCY_STOP}); `recoverops resume` does not take it up again"
    )

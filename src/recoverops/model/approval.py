"""A person's yes or no to one plan."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from recoverops.model.ids import ApprovalId, DecisionId, IncidentId
from recoverops.model.plan import Plan
from recoverops.model.record import Record


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """the trouble ended, or the plan changed, before anybody answered"""


class Approval(Record, frozen=True, kw_only=True):
    id: ApprovalId
    incident_id: IncidentId
    decision_id: DecisionId
    plan: Plan
    plan_hash: str
    """The approval holds for a plan with this hash and for no other."""
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    state: ApprovalState = ApprovalState.PENDING
    decided_by: str | None = None
    decided_at: datetime | None = None
    note: str = ""

    def unanswered(self, now: datetime) -> ApprovalState:
        """What it becomes when nobody needs the answer any more."""
        return ApprovalState.EXPIRED if now >= self.expires_at else ApprovalState.WITHDRAWN


class WaitKind(StrEnum):
    HOLD = "hold"
    APPROVAL = "approval"
    GATE = "gate"
    """a gate that time can open"""
    VERIFICATION = "verification"
    """a verification longer than a thread should be held for"""
    EVIDENCE = "evidence"
    """new evidence came again soon after a decision; it is looked at after a pause"""
    RETRY = "retry"
    """a response that failed inside RecoverOps"""


class Wait(Record, frozen=True, kw_only=True):
    """A response that waits without a thread. The next segment starts at `due_at`, or earlier when it is signalled."""

    incident_id: IncidentId
    kind: WaitKind
    due_at: datetime
    since: datetime

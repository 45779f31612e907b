"""A run of a runbook, and the intents and outcomes of its actions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from recoverops.model.ids import ApprovalId, DecisionId, IncidentId, RunId
from recoverops.model.plan import Plan
from recoverops.model.record import Record
from recoverops.model.verdict import Verdict


class RunState(StrEnum):
    RUNNING = "running"
    VERIFYING = "verifying"
    UNDOING = "undoing"
    """it did not help, or a person wants it back: it is being taken back"""
    UNDONE = "undone"
    """taken back: the state before it was restored"""
    SUCCEEDED = "succeeded"
    """acted, and verified that it helped"""
    FAILED = "failed"
    """the action failed, or it did not help"""
    ABANDONED = "abandoned"
    """a gate shut before its effect; nothing was done, and it counts in no limit"""
    UNKNOWN = "unknown"
    """nobody can tell whether it acted or helped; a person has to look"""


class OutcomeStatus(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FOUND_DONE = "found_done"
    """after a crash the probe found that the effect had already happened; it was not repeated"""
    EXPIRED = "expired"
    """its not-after time had passed, so it was not started"""
    GATED = "gated"
    """a gate shut between the decision and the effect"""
    UNKNOWN = "unknown"


class Outcome(Record, frozen=True, kw_only=True):
    status: OutcomeStatus
    statement: str
    at: datetime
    after: Mapping[str, str] = {}
    """The state that the action left; an undo restores the one before only if this one still stands."""

    @property
    def was_not_started(self) -> bool:
        """Held back, or too late: the world is as it was, and the same may be asked for again."""
        return self.status in {OutcomeStatus.GATED, OutcomeStatus.EXPIRED}


class ActionRecord(Record, frozen=True, kw_only=True):
    """One effect: the intent is stored before it, the outcome after it."""

    key: str
    """Idempotency key, unique: `<run id>:<step>`. It travels in the outgoing call where the other side has room."""
    run_id: RunId
    step: int
    plan: Plan
    intent_at: datetime
    not_after: datetime
    is_undo: bool = False
    """It restores what an earlier step of the run changed."""
    outcome: Outcome | None = None


class Run(Record, frozen=True, kw_only=True):
    id: RunId
    incident_id: IncidentId
    decision_id: DecisionId
    runbook: str
    runbook_digest: str
    plan: Plan
    state: RunState
    approval_id: ApprovalId | None = None
    """The approval that it acts on. One approval is good for one action."""
    undoes: RunId | None = None
    """The run whose effect this one takes back, because a person asked for that; then `plan` is that run's plan."""
    requested_by: str
    """`rule:<name>` or the person who approved"""
    started_at: datetime
    not_after: datetime
    """No effect of this run may start later than this."""
    acted_at: datetime | None = None
    ended_at: datetime | None = None
    verdict: Verdict | None = None

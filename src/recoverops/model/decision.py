"""What may be done about an incident, and every gate's word on it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from recoverops.model.ids import DecisionId, IncidentId
from recoverops.model.plan import Plan
from recoverops.model.record import Record


class Mode(StrEnum):
    """How far a rule may go by itself."""

    OBSERVE = "observe"
    ASK = "ask"
    ACT = "act"


class DecisionMode(StrEnum):
    OBSERVE = "observe"
    ASK = "ask"
    ACT = "act"
    WAIT = "wait"
    """a gate that time can open is shut; decided anew at `retry_at`"""
    REFUSE = "refuse"


class GateName(StrEnum):
    """In the order in which they are asked."""

    EMERGENCY_STOP = "emergency_stop"
    PROTECTED_TARGETS = "protected_targets"
    MAINTENANCE = "maintenance"
    ALLOW_LIST = "allow_list"
    EVIDENCE_FRESH = "evidence_fresh"
    HOLD = "hold"
    COOLDOWN = "cooldown"
    RATE = "rate"
    LOCK = "lock"
    BLAST_RADIUS = "blast_radius"
    AUTONOMY = "autonomy"
    APPROVAL = "approval"


class GateAnswer(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    ASK = "ask"
    OBSERVE = "observe"
    WAIT = "wait"
    REFUSE = "refuse"
    NOT_ASKED = "not_asked"
    """there was nothing to ask it about, e.g. no rule matched"""


class Reason(StrEnum):
    """The word that stands in the log, the metric, the page and the test alike."""

    # gates, in their order
    OK = "ok"
    EMERGENCY_STOP = "emergency_stop"
    STOP_STATE_UNKNOWN = "stop_state_unknown"
    TARGET_PROTECTED = "target_protected"
    LAST_HEALTHY_MEMBER = "last_healthy_member"
    SILENCED = "silenced"
    NOT_ON_ALLOW_LIST = "not_on_allow_list"
    TARGET_UNKNOWN = "target_unknown"
    EVIDENCE_STALE = "evidence_stale"
    NOT_FIRING = "not_firing"
    HOLDING = "holding"
    COOLING_DOWN = "cooling_down"
    RATE_HOUR_SPENT = "rate_hour_spent"
    RATE_DAY_SPENT = "rate_day_spent"
    TARGET_LOCKED = "target_locked"
    BLAST_RADIUS_COUNT = "blast_radius_count"
    BLAST_RADIUS_SHARE = "blast_radius_share"
    OBSERVE_ONLY = "observe_only"
    APPROVAL_NEEDED = "approval_needed"
    APPROVED = "approved"
    DENIED = "denied"
    APPROVAL_EXPIRED = "approval_expired"
    PLAN_CHANGED = "plan_changed"
    REQUEST_EXPIRED = "request_expired"
    """a person asked for a run, and it could not begin in time"""
    # without a plan there is nothing to ask the gates
    NO_HYPOTHESIS = "no_hypothesis"
    NO_RULE_MATCHED = "no_rule_matched"
    RULE_UNKNOWN = "rule_unknown"
    """a rule's condition needs something that is missing"""
    DEPENDENCY_AT_FAULT = "dependency_at_fault"
    """the surest cause lies with a service that this one needs"""
    ANOTHER_INCIDENT = "another_incident"
    """what was found is the trouble of another incident of the same resource"""
    PLAN_FAILED = "plan_failed"
    RULES_CHANGED = "rules_changed"
    GAVE_UP = "gave_up"
    """a gate stayed shut for longer than the response may wait"""


class GateVerdict(Record, frozen=True, kw_only=True):
    gate: GateName
    answer: GateAnswer
    reason: Reason
    statement: str
    """With the numbers: "10 of 10 actions in the last hour; the next is free at 13:04:10 UTC"."""
    retry_at: datetime | None = None


class RuleVerdict(Record, frozen=True, kw_only=True):
    """Why a rule matched, did not match, or could not be judged."""

    rule: str
    answer: str
    """matched | not_matched | unknown"""
    statement: str


class Decision(Record, frozen=True, kw_only=True):
    id: DecisionId
    incident_id: IncidentId
    at: datetime
    mode: DecisionMode
    reason: Reason
    statement: str
    rule: str | None = None
    runbook: str | None = None
    plan: Plan | None = None
    rules: tuple[RuleVerdict, ...] = ()
    gates: tuple[GateVerdict, ...] = ()
    rules_digest: str = ""
    retry_at: datetime | None = None

"""The records that walk through the rooms, their legal transitions, ids and errors. Knows nothing else."""

from __future__ import annotations

from recoverops.model.anomaly import Anomaly, Condition, ConditionStatus
from recoverops.model.approval import Approval, ApprovalState, Wait, WaitKind
from recoverops.model.audit import GENESIS, AuditEntry, AuditReport, chain_hash
from recoverops.model.component import ComponentState, ComponentStatus, StopState
from recoverops.model.decision import (
    Decision,
    DecisionMode,
    GateAnswer,
    GateName,
    GateVerdict,
    Mode,
    Reason,
    RuleVerdict,
)
from recoverops.model.errors import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    OutcomeUnknownError,
    OverloadedError,
    PermanentError,
    RecoverOpsError,
    RetryableError,
    UnreachableError,
)
from recoverops.model.hypothesis import Evidence, Hypothesis
from recoverops.model.ids import (
    ApprovalId,
    DecisionId,
    Fingerprint,
    IncidentId,
    NotificationId,
    RunId,
    digest,
    new_approval_id,
    new_incident_id,
    new_notification_id,
)
from recoverops.model.incident import (
    LEGAL_TRANSITIONS,
    Incident,
    IncidentKind,
    IncidentState,
    ResponseStage,
    SegmentKey,
    TimelineEntry,
)
from recoverops.model.notification import Delivery, DeliveryState, Notification
from recoverops.model.plan import EffectClass, Execution, ExecutionStatus, Plan, ProbeAnswer, ProbeResult
from recoverops.model.record import Record, from_json, to_json
from recoverops.model.resource import Resource, ResourceKind, Service
from recoverops.model.run import ActionRecord, Outcome, OutcomeStatus, Run, RunState
from recoverops.model.severity import Severity, worst
from recoverops.model.signal import Admission, Alert, AlertStatus, Sample, StoredAlert, series_name
from recoverops.model.verdict import Verdict, VerdictStatus

__all__ = [
    "GENESIS",
    "LEGAL_TRANSITIONS",
    "ActionRecord",
    "Admission",
    "Alert",
    "AlertStatus",
    "Anomaly",
    "Approval",
    "ApprovalId",
    "ApprovalState",
    "AuditEntry",
    "AuditReport",
    "ComponentState",
    "ComponentStatus",
    "Condition",
    "ConditionStatus",
    "ConflictError",
    "Decision",
    "DecisionId",
    "DecisionMode",
    "Delivery",
    "DeliveryState",
    "EffectClass",
    "Evidence",
    "Execution",
    "ExecutionStatus",
    "Fingerprint",
    "ForbiddenError",
    "GateAnswer",
    "GateName",
    "GateVerdict",
    "Hypothesis",
    "Incident",
    "IncidentId",
    "IncidentKind",
    "IncidentState",
    "MisconfiguredError",
    "Mode",
    "NotFoundError",
    "Notification",
    "NotificationId",
    "Outcome",
    "OutcomeStatus",
    "OutcomeUnknownError",
    "OverloadedError",
    "PermanentError",
    "Plan",
    "ProbeAnswer",
    "ProbeResult",
    "Reason",
    "Record",
    "RecoverOpsError",
    "Resource",
    "ResourceKind",
    "ResponseStage",
    "RetryableError",
    "RuleVerdict",
    "Run",
    "RunId",
    "RunState",
    "Sample",
    "SegmentKey",
    "Service",
    "Severity",
    "StopState",
    "StoredAlert",
    "TimelineEntry",
    "UnreachableError",
    "Verdict",
    "VerdictStatus",
    "Wait",
    "WaitKind",
    "chain_hash",
    "digest",
    "from_json",
    "new_approval_id",
    "new_incident_id",
    "new_notification_id",
    "series_name",
    "to_json",
    "worst",
]

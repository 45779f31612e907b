"""The contracts between the rooms and with vendors. Protocols only; no behaviour."""

from __future__ import annotations

from recoverops.ports.action import Action, Parameter, Permission, ReversibleAction
from recoverops.ports.caution import CautionSwitch
from recoverops.ports.clock import Clock
from recoverops.ports.history import HistoryDrop, HistoryStore, SeriesKey, SeriesPoints
from recoverops.ports.joint import JointCore, JointDetector, JointKind
from recoverops.ports.metric_intake import SampleSink, SeriesNames
from recoverops.ports.models import ModelInUse, ModelParts, ModelStore, ModelVersion
from recoverops.ports.notifier import Notifier
from recoverops.ports.objects import ObjectEntry, ObjectStore, ObjectStores, StoredObject
from recoverops.ports.observation import ConditionView, StopSwitch
from recoverops.ports.plugin import PLUGIN_API, Doubt, LiveCheck, Plugin, PluginContext, PluginParts, Policy
from recoverops.ports.ranges import RangeReader
from recoverops.ports.secrets import Secrets
from recoverops.ports.series import SeriesDetector, SeriesDetectorKind
from recoverops.ports.source import PushSource, Source, VerifiedPushSource
from recoverops.ports.store import (
    ApprovalStore,
    AuditLog,
    DecisionStore,
    IncidentStore,
    LastAction,
    LimitStore,
    Lock,
    Outbox,
    RunStore,
    SignalStore,
    SilenceStore,
    Standing,
    Store,
    Tx,
    Usage,
    WaitStore,
)
from recoverops.ports.streams import EventStore, StreamSource, StreamStore
from recoverops.ports.telemetry import Telemetry
from recoverops.ports.workflow import Engine, Respond, Start, WorkflowContext

__all__ = [
    "PLUGIN_API",
    "Action",
    "ApprovalStore",
    "AuditLog",
    "CautionSwitch",
    "Clock",
    "ConditionView",
    "DecisionStore",
    "Doubt",
    "Engine",
    "EventStore",
    "HistoryDrop",
    "HistoryStore",
    "IncidentStore",
    "JointCore",
    "JointDetector",
    "JointKind",
    "LastAction",
    "LimitStore",
    "LiveCheck",
    "Lock",
    "ModelInUse",
    "ModelParts",
    "ModelStore",
    "ModelVersion",
    "Notifier",
    "ObjectEntry",
    "ObjectStore",
    "ObjectStores",
    "Outbox",
    "Parameter",
    "Permission",
    "Plugin",
    "PluginContext",
    "PluginParts",
    "Policy",
    "PushSource",
    "RangeReader",
    "Respond",
    "ReversibleAction",
    "RunStore",
    "SampleSink",
    "Secrets",
    "SeriesDetector",
    "SeriesDetectorKind",
    "SeriesKey",
    "SeriesNames",
    "SeriesPoints",
    "SignalStore",
    "SilenceStore",
    "Source",
    "Standing",
    "Start",
    "StopSwitch",
    "Store",
    "StoredObject",
    "StreamSource",
    "StreamStore",
    "Telemetry",
    "Tx",
    "Usage",
    "VerifiedPushSource",
    "WaitStore",
    "WorkflowContext",
]

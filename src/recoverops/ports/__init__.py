"""The contracts between the rooms and with vendors. Protocols only; no behaviour."""

from __future__ import annotations

from recoverops.ports.action import Action, Parameter, Permission, ReversibleAction
from recoverops.ports.clock import Clock
from recoverops.ports.notifier import Notifier
from recoverops.ports.observation import ConditionView, StopSwitch
from recoverops.ports.plugin import PLUGIN_API, Plugin, PluginContext, PluginParts
from recoverops.ports.source import PushSource, Source
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
from recoverops.ports.telemetry import Telemetry
from recoverops.ports.workflow import Engine, Respond, WorkflowContext

__all__ = [
    "PLUGIN_API",
    "Action",
    "ApprovalStore",
    "AuditLog",
    "Clock",
    "ConditionView",
    "DecisionStore",
    "Engine",
    "IncidentStore",
    "LastAction",
    "LimitStore",
    "Lock",
    "Notifier",
    "Outbox",
    "Parameter",
    "Permission",
    "Plugin",
    "PluginContext",
    "PluginParts",
    "PushSource",
    "Respond",
    "ReversibleAction",
    "RunStore",
    "SignalStore",
    "SilenceStore",
    "Source",
    "Standing",
    "StopSwitch",
    "Store",
    "Telemetry",
    "Tx",
    "Usage",
    "WaitStore",
    "WorkflowContext",
]

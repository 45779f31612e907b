"""The use cases that people and doors perform. Every door calls the same function, so every door has the same rules."""

from __future__ import annotations

from recoverops.operations.admit import admit
from recoverops.operations.approvals import answer, list_approvals, while_stopped
from recoverops.operations.close import ChannelsOf, close_incident
from recoverops.operations.dry_run import Evaluate, evaluate_incident, evaluate_run
from recoverops.operations.events import EventPage, list_events
from recoverops.operations.limits import Ceilings, LimitsView, limits_view
from recoverops.operations.request import request_run
from recoverops.operations.silences import covered_now, end_silence, list_silences, silence, why_no_silence
from recoverops.operations.stop import Stopped, Telling, clear_stop, engage_stop, left_by_stop, read_stop, tell_of_stop
from recoverops.operations.undo import UndoRefusal, request_undo
from recoverops.operations.view import IncidentPage, IncidentStory, RunStory, list_incidents, tell_incident

__all__ = [
    "Ceilings",
    "ChannelsOf",
    "Evaluate",
    "EventPage",
    "IncidentPage",
    "IncidentStory",
    "LimitsView",
    "RunStory",
    "Stopped",
    "Telling",
    "UndoRefusal",
    "admit",
    "answer",
    "clear_stop",
    "close_incident",
    "covered_now",
    "end_silence",
    "engage_stop",
    "evaluate_incident",
    "evaluate_run",
    "left_by_stop",
    "limits_view",
    "list_approvals",
    "list_events",
    "list_incidents",
    "list_silences",
    "read_stop",
    "request_run",
    "request_undo",
    "silence",
    "tell_incident",
    "tell_of_stop",
    "while_stopped",
    "why_no_silence",
]

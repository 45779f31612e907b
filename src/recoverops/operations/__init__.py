"""The use cases that people and doors perform. Every door calls the same function, so every door has the same rules."""

from __future__ import annotations

from recoverops.operations.admit import admit
from recoverops.operations.approvals import answer, list_approvals
from recoverops.operations.stop import Stopped, Telling, clear_stop, engage_stop
from recoverops.operations.view import IncidentStory, RunStory, list_incidents, tell_incident

__all__ = [
    "IncidentStory",
    "RunStory",
    "Stopped",
    "Telling",
    "admit",
    "answer",
    "clear_stop",
    "engage_stop",
    "list_approvals",
    "list_incidents",
    "tell_incident",
]

"""Emergency stop: nothing acts while it is engaged, or while nobody can tell."""

from __future__ import annotations

from recoverops.decision.facts import Facts
from recoverops.decision.gates.answers import passed, refused
from recoverops.model import GateName, GateVerdict, Reason

_GATE = GateName.EMERGENCY_STOP


def emergency_stop(facts: Facts) -> GateVerdict:
    if facts.stop is None:
        return refused(
            _GATE, Reason.STOP_STATE_UNKNOWN, "the emergency stop could not be read, so it counts as engaged"
        )
    if facts.stop.stopped:
        who = facts.stop.by or "somebody"
        why = f": {facts.stop.reason}" if facts.stop.reason else ""
        return refused(_GATE, Reason.EMERGENCY_STOP, f"the emergency stop was engaged by {who}{why}")
    return passed(_GATE, "the emergency stop is not engaged")

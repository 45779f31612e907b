"""Maintenance: a person said that nothing acts on these resources until then."""

from __future__ import annotations

from recoverops.decision.facts import Facts
from recoverops.decision.gates.answers import passed, waits
from recoverops.model import GateName, GateVerdict, Reason


def maintenance(facts: Facts) -> GateVerdict:
    """Of several silences the one that ends last decides."""
    gate = GateName.MAINTENANCE
    standing = [
        (silence, resource)
        for silence in facts.silences
        for resource in facts.felt
        if silence.is_active(facts.now) and silence.covers(resource)
    ]
    if not standing:
        return passed(gate, f"nobody has silenced {', '.join(map(str, facts.felt))}")
    silence, resource = max(standing, key=lambda one: one[0].over_at)
    return waits(gate, Reason.SILENCED, f"{resource} is silenced ({silence})", retry_at=silence.over_at)

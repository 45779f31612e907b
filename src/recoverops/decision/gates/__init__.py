"""The safety gates, in the order in which they are asked. Each is a pure function of the facts.

Adding one: a function here or in a new file, its name in `model.GateName`, its place in `GATES`.
"""

from __future__ import annotations

from collections.abc import Callable

from recoverops.decision.facts import Facts
from recoverops.decision.gates import consent, evidence, limits, maintenance, stop, target
from recoverops.model import GateName, GateVerdict

Gate = Callable[[Facts], GateVerdict]

GATES: tuple[tuple[GateName, Gate], ...] = (
    (GateName.EMERGENCY_STOP, stop.emergency_stop),
    (GateName.PROTECTED_TARGETS, target.protected_targets),
    (GateName.MAINTENANCE, maintenance.maintenance),
    (GateName.ALLOW_LIST, target.allow_list),
    (GateName.EVIDENCE_FRESH, evidence.evidence_fresh),
    (GateName.HOLD, evidence.hold),
    (GateName.COOLDOWN, limits.cooldown),
    (GateName.RATE, limits.rate),
    (GateName.LOCK, limits.lock),
    (GateName.BLAST_RADIUS, target.blast_radius_gate),
    (GateName.AUTONOMY, consent.autonomy),
    (GateName.APPROVAL, consent.approval),
)

__all__ = ["GATES", "Gate"]

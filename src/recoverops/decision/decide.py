"""Asks every gate, keeps every answer, and draws the one conclusion. Pure.

All gates are asked even when the first refuses, so that `recoverops why` can show everything that stood in the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoverops.decision.facts import Facts
from recoverops.decision.gates import GATES
from recoverops.model import DecisionMode, GateAnswer, GateVerdict, Reason

_STRONGEST_FIRST: tuple[tuple[GateAnswer, DecisionMode], ...] = (
    (GateAnswer.REFUSE, DecisionMode.REFUSE),
    (GateAnswer.WAIT, DecisionMode.WAIT),
    (GateAnswer.OBSERVE, DecisionMode.OBSERVE),
    (GateAnswer.ASK, DecisionMode.ASK),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    mode: DecisionMode
    reason: Reason
    statement: str
    gates: tuple[GateVerdict, ...]
    retry_at: datetime | None = None


def decide(facts: Facts) -> Conclusion:
    """Refuse beats wait beats observe beats ask beats act; among equals the earlier gate gives the reason."""
    verdicts = tuple(gate(facts) for _, gate in GATES)
    for answer, mode in _STRONGEST_FIRST:
        given = [verdict for verdict in verdicts if verdict.answer is answer]
        if given:
            retries = [verdict.retry_at for verdict in given if verdict.retry_at is not None]
            return Conclusion(
                mode=mode,
                reason=given[0].reason,
                statement=given[0].statement,
                gates=verdicts,
                retry_at=max(retries, default=None),
            )
    return Conclusion(mode=DecisionMode.ACT, reason=verdicts[-1].reason, statement="every gate is open", gates=verdicts)

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
    """Refuse beats wait beats observe beats ask beats act.

    Among equals the earlier gate gives the reason; among gates that time can open, the one that opens last.
    """
    verdicts = tuple(gate(facts) for _, gate in GATES)
    for answer, mode in _STRONGEST_FIRST:
        given = [verdict for verdict in verdicts if verdict.answer is answer]
        if given:
            decisive = max(given, key=lambda verdict: verdict.retry_at or facts.now)
            return Conclusion(
                mode=mode,
                reason=decisive.reason,
                statement=decisive.statement,
                gates=verdicts,
                retry_at=decisive.retry_at,
            )
    return Conclusion(mode=DecisionMode.ACT, reason=verdicts[-1].reason, statement="every gate is open", gates=verdicts)

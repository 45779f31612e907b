"""Short names for the answers that gates give."""

from __future__ import annotations

from datetime import datetime

from recoverops.model import GateAnswer, GateName, GateVerdict, Reason


def passed(gate: GateName, statement: str, reason: Reason = Reason.OK) -> GateVerdict:
    return GateVerdict(gate=gate, answer=GateAnswer.PASS, reason=reason, statement=statement)


def refused(gate: GateName, reason: Reason, statement: str) -> GateVerdict:
    """Time alone will not open it; a person has to."""
    return GateVerdict(gate=gate, answer=GateAnswer.REFUSE, reason=reason, statement=statement)


def waits(gate: GateName, reason: Reason, statement: str, *, retry_at: datetime) -> GateVerdict:
    """Time may open it: decide anew at `retry_at`."""
    return GateVerdict(gate=gate, answer=GateAnswer.WAIT, reason=reason, statement=statement, retry_at=retry_at)

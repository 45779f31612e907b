"""One effect, effectively once. Pure: what to do with an intent, given what is stored and what the probe says.

Called by the pipeline around every external effect. No external effect can be atomic with our database; what can be
promised is that it is never started twice where the target can tell whether it happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from recoverops.model import (
    ActionRecord,
    Execution,
    ExecutionStatus,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
    ProbeResult,
)


class NextMove(StrEnum):
    EXECUTE = "execute"
    PROBE = "probe"
    RETURN = "return"


def first_move(stored: ActionRecord | None) -> NextMove:
    """`stored` is what the store had under this key before us; None when the intent is new."""
    if stored is None:
        return NextMove.EXECUTE
    return NextMove.RETURN if stored.outcome is not None else NextMove.PROBE


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterProbe:
    move: NextMove
    outcome: Outcome | None


def after_probe(probe: ProbeResult, *, not_after: datetime, now: datetime) -> AfterProbe:
    """An intent without an outcome was found: somebody died between the two. Never run it blindly."""
    if probe.answer is ProbeAnswer.DONE:
        done = Outcome(
            status=OutcomeStatus.FOUND_DONE, statement=f"found done after an interruption: {probe.statement}", at=now
        )
        return AfterProbe(move=NextMove.RETURN, outcome=done)
    if probe.answer is ProbeAnswer.UNKNOWN:
        unknown = Outcome(
            status=OutcomeStatus.UNKNOWN,
            statement=f"interrupted, and nobody can tell whether it happened: {probe.statement}",
            at=now,
        )
        return AfterProbe(move=NextMove.RETURN, outcome=unknown)
    if now <= not_after:
        return AfterProbe(move=NextMove.EXECUTE, outcome=None)
    if probe.answer is ProbeAnswer.HALF_DONE:
        late = half_done(probe, why=f"it had to go on before {not_after:%H:%M:%S} UTC", now=now)
        return AfterProbe(move=NextMove.RETURN, outcome=late)
    return AfterProbe(move=NextMove.RETURN, outcome=expired(not_after=not_after, now=now))


def half_done(probe: ProbeResult, *, why: str, now: datetime) -> Outcome:
    """It was begun, was cut off, and is not gone on with: neither "not started" nor "failed" would be true."""
    told = f"interrupted half-way and not gone on with ({why}): {probe.statement}"
    return Outcome(status=OutcomeStatus.UNKNOWN, statement=told, at=now)


def expired(*, not_after: datetime, now: datetime) -> Outcome:
    return Outcome(
        status=OutcomeStatus.EXPIRED,
        statement=f"not started: it had to start before {not_after:%H:%M:%S} UTC, it is {now:%H:%M:%S} UTC",
        at=now,
    )


def after_execution(execution: Execution, probe: ProbeResult | None, *, now: datetime) -> Outcome:
    """`probe` is asked only when the execution's own report is unknown. What the action kept stays in any case."""
    status, told = _REPORTED[execution.status], execution.statement
    if execution.status is ExecutionStatus.UNKNOWN and probe is not None:
        status, told = _PROBED[probe.answer], f"{told}; the probe says: {probe.statement}"
    return Outcome(status=status, statement=told, at=now, after=execution.after)


_REPORTED = {
    ExecutionStatus.SUCCEEDED: OutcomeStatus.SUCCEEDED,
    ExecutionStatus.FAILED: OutcomeStatus.FAILED,
    ExecutionStatus.UNKNOWN: OutcomeStatus.UNKNOWN,
}
_PROBED = {
    ProbeAnswer.DONE: OutcomeStatus.SUCCEEDED,
    ProbeAnswer.NOT_DONE: OutcomeStatus.FAILED,
    ProbeAnswer.HALF_DONE: OutcomeStatus.UNKNOWN,
    ProbeAnswer.UNKNOWN: OutcomeStatus.UNKNOWN,
}


HAS_ACTED = frozenset({OutcomeStatus.SUCCEEDED, OutcomeStatus.FOUND_DONE})
"""The outcomes that are worth verifying."""

"""What to do with an intent: execute, probe first, or return what is known. Never blindly twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import (
    ActionRecord,
    EffectClass,
    Execution,
    ExecutionStatus,
    Outcome,
    OutcomeStatus,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Resource,
    ResourceKind,
    RunId,
)
from recoverops.remediation import HAS_ACTED, NextMove, after_execution, after_probe, expired, first_move

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
TARGET = Resource(kind=ResourceKind.SERVICE, name="checkout")


def intent(outcome: OutcomeStatus | None) -> ActionRecord:
    plan = Plan(
        action="restart",
        effect=EffectClass.RESTORATIVE,
        target=TARGET,
        arguments={},
        touches=(TARGET,),
        summary="restart checkout",
        timeout_s=1.0,
    )
    return ActionRecord(
        key="run-1:1",
        run_id=RunId("run-1"),
        step=1,
        plan=plan,
        intent_at=NOON,
        not_after=NOON,
        outcome=None if outcome is None else Outcome(status=outcome, statement="s", at=NOON),
    )


def probe(answer: ProbeAnswer) -> ProbeResult:
    return ProbeResult(answer=answer, statement="pid 7 since 12:00")


def execution(status: ExecutionStatus) -> Execution:
    return Execution(status=status, statement="asked the supervisor")


def test_a_new_intent_is_executed() -> None:
    assert first_move(None) is NextMove.EXECUTE


def test_an_intent_without_an_outcome_is_probed() -> None:
    assert first_move(intent(None)) is NextMove.PROBE


@pytest.mark.parametrize("status", list(OutcomeStatus))
def test_an_intent_with_any_outcome_is_never_executed_again(status: OutcomeStatus) -> None:
    assert first_move(intent(status)) is NextMove.RETURN


@pytest.mark.parametrize(
    ("answer", "late", "move", "status"),
    [
        (ProbeAnswer.DONE, False, NextMove.RETURN, OutcomeStatus.FOUND_DONE),
        (ProbeAnswer.DONE, True, NextMove.RETURN, OutcomeStatus.FOUND_DONE),
        (ProbeAnswer.UNKNOWN, False, NextMove.RETURN, OutcomeStatus.UNKNOWN),
        (ProbeAnswer.UNKNOWN, True, NextMove.RETURN, OutcomeStatus.UNKNOWN),
        (ProbeAnswer.NOT_DONE, False, NextMove.EXECUTE, None),
        (ProbeAnswer.NOT_DONE, True, NextMove.RETURN, OutcomeStatus.EXPIRED),
        (ProbeAnswer.HALF_DONE, False, NextMove.EXECUTE, None),
        (ProbeAnswer.HALF_DONE, True, NextMove.RETURN, OutcomeStatus.UNKNOWN),
    ],
)
def test_after_an_interruption_only_what_is_certainly_not_finished_is_executed_and_in_time(
    answer: ProbeAnswer, late: bool, move: NextMove, status: OutcomeStatus | None
) -> None:
    now = NOON + MICROSECOND if late else NOON

    after = after_probe(probe(answer), not_after=NOON, now=now)

    assert after.move is move
    assert (after.outcome.status if after.outcome else None) is status
    if after.outcome is not None:
        assert after.outcome.at == now
        assert status is OutcomeStatus.EXPIRED or "pid 7 since 12:00" in after.outcome.statement


@pytest.mark.parametrize(
    ("reported", "probed", "status"),
    [
        (ExecutionStatus.SUCCEEDED, None, OutcomeStatus.SUCCEEDED),
        (ExecutionStatus.SUCCEEDED, ProbeAnswer.NOT_DONE, OutcomeStatus.SUCCEEDED),
        (ExecutionStatus.FAILED, None, OutcomeStatus.FAILED),
        (ExecutionStatus.FAILED, ProbeAnswer.DONE, OutcomeStatus.FAILED),
        (ExecutionStatus.UNKNOWN, None, OutcomeStatus.UNKNOWN),
        (ExecutionStatus.UNKNOWN, ProbeAnswer.UNKNOWN, OutcomeStatus.UNKNOWN),
        (ExecutionStatus.UNKNOWN, ProbeAnswer.DONE, OutcomeStatus.SUCCEEDED),
        (ExecutionStatus.UNKNOWN, ProbeAnswer.NOT_DONE, OutcomeStatus.FAILED),
        (ExecutionStatus.UNKNOWN, ProbeAnswer.HALF_DONE, OutcomeStatus.UNKNOWN),
    ],
)
def test_an_unknown_report_is_settled_by_the_probe_and_by_nothing_else(
    reported: ExecutionStatus, probed: ProbeAnswer | None, status: OutcomeStatus
) -> None:
    outcome = after_execution(execution(reported), probe(probed) if probed else None, now=NOON)

    assert outcome.status is status
    assert "asked the supervisor" in outcome.statement
    assert outcome.at == NOON


@pytest.mark.parametrize("status", ExecutionStatus)
@pytest.mark.parametrize("probed", [None, *ProbeAnswer])
def test_what_an_action_kept_is_stored_however_it_ended(status: ExecutionStatus, probed: ProbeAnswer | None) -> None:
    left = Execution(status=status, statement="s", after={"release": "v2", "evidence.log": "out of memory"})

    assert after_execution(left, probe(probed) if probed else None, now=NOON).after == left.after


def test_an_expired_action_says_both_times() -> None:
    outcome = expired(not_after=NOON, now=NOON + timedelta(minutes=3))

    assert outcome.status is OutcomeStatus.EXPIRED
    assert outcome.statement == "not started: it had to start before 12:00:00 UTC, it is 12:03:00 UTC"


def test_only_what_certainly_acted_is_worth_verifying() -> None:
    assert {OutcomeStatus.SUCCEEDED, OutcomeStatus.FOUND_DONE} == HAS_ACTED


@given(st.sampled_from(ProbeAnswer), st.timedeltas(min_value=timedelta(-1), max_value=timedelta(1)))
def test_nothing_is_started_after_its_time(answer: ProbeAnswer, by: timedelta) -> None:
    after = after_probe(probe(answer), not_after=NOON, now=NOON + by)

    is_unfinished = answer in {ProbeAnswer.NOT_DONE, ProbeAnswer.HALF_DONE}
    assert after.move is not NextMove.EXECUTE or (is_unfinished and by <= timedelta(0))
    assert (after.outcome is None) == (after.move is NextMove.EXECUTE)

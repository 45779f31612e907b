"""What a person is advised to do about an incident."""

from __future__ import annotations

import msgspec
import pytest
from tests.conftest import Records

from recoverops.model import ApprovalState, IncidentState, Reason
from recoverops.operations.what_to_do import ADVICE, what_to_do


def test_there_is_advice_for_every_reason() -> None:
    assert set(ADVICE) == set(Reason)


def test_one_that_is_with_a_person_says_what_to_do_and_how_it_ends(a: Records) -> None:
    incident = a.incident(state=IncidentState.ESCALATED, reason="rate_hour_spent")
    told = what_to_do(incident, None)
    assert "decision.max_actions_per_hour" in told
    assert "`recoverops close`" in told


def test_while_something_is_asked_the_answer_names_the_question(a: Records) -> None:
    incident = a.incident(state=IncidentState.OPEN, reason="approval_needed")
    approval = a.approval()
    assert what_to_do(incident, approval) == f"recoverops approve {approval.id}, or recoverops deny {approval.id}"
    over = msgspec.structs.replace(approval, state=ApprovalState.EXPIRED)
    assert str(approval.id) not in what_to_do(incident, over)


@pytest.mark.parametrize("reason", ["opened", "holding", "verifying", "ok"])
def test_while_it_works_there_is_nothing_to_do(a: Records, reason: str) -> None:
    assert what_to_do(a.incident(state=IncidentState.OPEN, reason=reason), None) == ""


def test_one_that_is_over_needs_nobody(a: Records) -> None:
    assert what_to_do(a.incident(state=IncidentState.RESOLVED, reason="rate_hour_spent"), None) == ""

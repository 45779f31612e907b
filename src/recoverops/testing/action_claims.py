"""What the kits of actions claim of plans, answers and executions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from recoverops.model import Execution, ExecutionStatus, Plan, ProbeAnswer, ProbeResult, from_json, to_json
from recoverops.redact import redact
from recoverops.testing.claims import claim, claim_no_secret


def stored(plan: Plan) -> Plan:
    """The plan as storage gives it back."""
    return from_json(Plan, to_json(plan))


def claim_answer(result: ProbeResult, expected: ProbeAnswer, when: str, secrets: Iterable[str]) -> None:
    claim(result.answer is expected, f"probe says {result.answer} {when}, expected {expected}: {result.statement}")
    claim_texts(result.statement, {}, secrets, "probe")


def claim_succeeded(execution: Execution, what: str, when: str, secrets: Iterable[str]) -> None:
    claim(
        execution.status is ExecutionStatus.SUCCEEDED,
        f"{what} reports {execution.status} {when}: {execution.statement}",
    )
    claim_texts(execution.statement, execution.after, secrets, what)


def claim_texts(statement: str, detail: Mapping[str, str], secrets: Iterable[str], where: str) -> None:
    claim(bool(statement.strip()), f"{where} gives no sentence for people")
    for text in (statement, *detail.values()):
        claim(redact(text) == text, f"{where} returns text that is not redacted")
        claim_no_secret(text, secrets, where=where)

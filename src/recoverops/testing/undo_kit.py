"""The part of the conformance kit for actions of the class REVERSIBLE: undo restores, and never over a later change.

`check_action` calls it. What `execute` left is handed to undo as it comes back from storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from recoverops.model import Execution, ExecutionStatus, Plan, ProbeAnswer, Service, from_json, to_json
from recoverops.ports import ReversibleAction
from recoverops.testing.action_claims import claim_answer, claim_succeeded, claim_texts, stored
from recoverops.testing.claims import claim

_KEY = "conformance-kit:undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """What a test says of an action of the class REVERSIBLE."""

    restored: Callable[[], object]
    """Everything that undo has to restore, comparable with `==`: the snapshot without e.g. counted starts."""
    tamper: Callable[[], object]
    """Changes what the action left, as a person would later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The hands and eyes that a test lends to the kit; see `check_action`."""

    break_it: Callable[[], object]
    snapshot: Callable[[], object]
    undoing: Undoing
    cut_off: Callable[[], AbstractContextManager[object]]


def check_undo(
    action: ReversibleAction,
    service: Service,
    arguments: Mapping[str, str],
    *,
    situation: Situation,
    secrets: Iterable[str] = (),
) -> None:
    """Raises `ConformanceError` with the sentence that does not hold."""
    situation.break_it()
    _check_of_nothing(action, service, arguments, situation, secrets)
    situation.break_it()
    _check_restores(action, service, arguments, situation, secrets)
    situation.break_it()
    _check_unreachable(action, service, arguments, situation, secrets)
    situation.break_it()
    _check_respects(action, service, arguments, situation, secrets)


def _check_of_nothing(
    action: ReversibleAction,
    service: Service,
    arguments: Mapping[str, str],
    situation: Situation,
    secrets: Iterable[str],
) -> None:
    """A person may ask for the undo of a run that failed, or whose end nobody knows: of that nothing may be left."""
    plan = stored(action.plan(service, arguments))
    state = situation.snapshot()
    undone = action.undo(plan, {}, service, idempotency_key=f"{_KEY}:nothing")
    claim(
        undone.status in {ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED},
        f"undo of what was never done reports {undone.status}, expected succeeded or failed",
    )
    claim_texts(undone.statement, undone.after, secrets, "undo")
    claim(situation.snapshot() == state, "undo of what was never done changed the target")


def _check_restores(
    action: ReversibleAction,
    service: Service,
    arguments: Mapping[str, str],
    situation: Situation,
    secrets: Iterable[str],
) -> None:
    before = situation.undoing.restored()
    plan, left = _executed(action, service, arguments, secrets)
    claim(
        situation.undoing.restored() != before,
        "execute changes nothing that undo could restore; is `restored` telling?",
    )
    state = situation.snapshot()
    claim_answer(action.probe_undo(plan, left, service), ProbeAnswer.NOT_DONE, "of undo before it", secrets)
    claim(situation.snapshot() == state, "probe_undo changed the target")
    undone = action.undo(plan, left, service, idempotency_key=_KEY)
    claim_succeeded(undone, "undo", "the first time", secrets)
    claim(situation.undoing.restored() == before, "undo does not restore what was before")
    claim_answer(action.probe_undo(plan, left, service), ProbeAnswer.DONE, "of undo after it", secrets)
    state = situation.snapshot()
    claim_succeeded(action.undo(plan, left, service, idempotency_key=_KEY), "undo", "the second time", secrets)
    claim(situation.snapshot() == state, "a second undo touched the target again")


def _check_unreachable(
    action: ReversibleAction,
    service: Service,
    arguments: Mapping[str, str],
    situation: Situation,
    secrets: Iterable[str],
) -> None:
    plan, left = _executed(action, service, arguments, secrets)
    state = situation.snapshot()
    with situation.cut_off():
        answer = action.probe_undo(plan, left, service)
        claim_answer(answer, ProbeAnswer.UNKNOWN, "of undo while the target is unreachable", secrets)
        undone = action.undo(plan, left, service, idempotency_key=f"{_KEY}:unreachable")
        claim(undone.status is not ExecutionStatus.SUCCEEDED, "undo reports success while the target is unreachable")
        claim_texts(undone.statement, undone.after, secrets, "undo")
    claim(situation.snapshot() == state, "an undo of an unreachable target had an effect")


def _check_respects(
    action: ReversibleAction,
    service: Service,
    arguments: Mapping[str, str],
    situation: Situation,
    secrets: Iterable[str],
) -> None:
    plan, left = _executed(action, service, arguments, secrets)
    state = situation.snapshot()
    situation.undoing.tamper()
    changed = situation.snapshot()
    claim(changed != state, "`tamper` changed nothing that the snapshot shows")
    answer = action.probe_undo(plan, left, service)
    claim_answer(answer, ProbeAnswer.UNKNOWN, "of undo after a later change by a person", secrets)
    undone = action.undo(plan, left, service, idempotency_key=f"{_KEY}:late")
    claim(
        undone.status is ExecutionStatus.FAILED,
        f"undo reports {undone.status} after a later change by a person, expected failed",
    )
    claim_texts(undone.statement, undone.after, secrets, "undo")
    claim(situation.snapshot() == changed, "undo changed what a person had changed since")


def _executed(
    action: ReversibleAction, service: Service, arguments: Mapping[str, str], secrets: Iterable[str]
) -> tuple[Plan, Mapping[str, str]]:
    """The plan and what its execution left, both as storage gives them back."""
    plan = stored(action.plan(service, arguments))
    execution = action.execute(plan, service, idempotency_key=f"{_KEY}:execute")
    claim_succeeded(execution, "execute", "before an undo", secrets)
    return plan, from_json(Execution, to_json(execution)).after

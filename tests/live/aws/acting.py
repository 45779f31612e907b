"""What is claimed of every action: refused without rights, done once, repeated without effect, taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast

from tests.live.aws.finding import SNAPSHOT_KEY
from tests.live.aws.ground import Ground, OutOfTimeError
from tests.live.aws.stage import Stage

from recoverops.model import (
    EffectClass,
    Execution,
    ExecutionStatus,
    PermanentError,
    Plan,
    ProbeAnswer,
    RecoverOpsError,
    Service,
)
from recoverops.ports import Action, ReversibleAction

_CONSISTENT = timedelta(minutes=2)
"""How long changes of IAM may take until they count; AWS names no bound, and says: seconds."""
_MISSING = "the permission "
_NO_ROLE = "cannot be assumed"
T = TypeVar("T")


class FailedError(AssertionError):
    """A sentence that does not hold."""


def claim(holds: object, told: str) -> None:
    if not holds:
        raise FailedError(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One action on one resource."""

    action: str
    address: str
    eyes: Callable[[], object]
    """What it changes, comparable."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    is_seen: bool = True
    """Whether the eyes see the effect at all; a reboot changes no state."""
    settings: Mapping[str, Any] = field(default_factory=dict)


def acted(stage: Stage, act: Act) -> None:
    """Raises `FailedError` with what does not hold."""
    service = Service(name="subject", group="live", address={"aws": act.address})
    role = stage.role("acts")
    settings = {"actions": [_setting_of(act.action)], **act.settings}

    def fresh() -> Action:
        parts = stage.parts(role, {service.name: service.address}, **settings)
        return next(one for one in parts.actions if one.name == act.action)

    _is_refused(stage, fresh, service, act)
    stage.allow(role, stage.parts(role, {service.name: service.address}, **settings).policies[-1].document)
    action = fresh()
    plan = sooner_or_later(
        stage.ground, "the policy to count", lambda: action.plan(service, act.arguments), within=_CONSISTENT
    )
    before = act.eyes()
    done = _is_done_once(stage, action, plan, service, act)
    if action.effect is EffectClass.REVERSIBLE:
        _is_taken_back(stage, cast("ReversibleAction", action), plan, done, service, act)
        stage.ground.until(f"that all is as it was before {act.action}: {before}", lambda: act.eyes() == before)


def _is_refused(stage: Stage, fresh: Callable[[], Action], service: Service, act: Act) -> None:
    """So AWS's own words for a denial are understood. It may take a while until a new role can be assumed at all."""

    def denied() -> str:
        try:
            fresh().plan(service, act.arguments)
        except PermanentError as error:
            return "" if _NO_ROLE in str(error) else str(error)
        raise FailedError(f"a role without rights made a plan of {act.action}")

    told = stage.ground.until("that the new role can be assumed", denied, within=_CONSISTENT)
    claim(_MISSING in told, f"a denial of AWS was not understood: {told}")
    stage.tell(f"{act.action} without rights: {told}")


def _is_done_once(stage: Stage, action: Action, plan: Plan, service: Service, act: Act) -> Execution:
    before, key = act.eyes(), key_of(stage)
    claim(action.probe(plan, service).answer is ProbeAnswer.NOT_DONE, f"{act.action} is done before it began")
    done = _executed(stage, act.action, lambda: action.execute(plan, service, idempotency_key=key))
    if act.is_seen:
        stage.ground.until(f"an effect of {act.action} that can be seen", lambda: act.eyes() != before)
    after = act.eyes()
    claim(action.probe(plan, service).answer is ProbeAnswer.DONE, f"the probe does not see that {act.action} was done")
    _executed(stage, f"{act.action}, repeated", lambda: action.execute(plan, service, idempotency_key=key))
    claim(act.eyes() == after, f"{act.action} had an effect again when it was repeated: {after}, then {act.eyes()}")
    claim(not act.is_seen or after != before, f"{act.action} changed nothing that can be seen")
    return done


def _is_taken_back(
    stage: Stage, action: ReversibleAction, plan: Plan, done: Execution, service: Service, act: Act
) -> None:
    left, key, named = done.after, f"{key_of(stage)}:undo", act.action
    claim(action.probe_undo(plan, left, service).answer is ProbeAnswer.NOT_DONE, f"{named} is undone before its undo")
    _executed(stage, f"{named}, undo", lambda: action.undo(plan, left, service, idempotency_key=key))
    claim(
        action.probe_undo(plan, left, service).answer is ProbeAnswer.DONE, f"the probe does not see the undo of {named}"
    )


def key_of(stage: Stage) -> str:
    return f"{SNAPSHOT_KEY}{stage.ground.run}:{stage.scene}"


def sooner_or_later(
    ground: Ground, what: str, work: Callable[[], T | None], *, within: timedelta = timedelta(minutes=5)
) -> T:
    """The first answer that is something; a missing permission is one that IAM may not know of yet."""
    told = ""

    def tried() -> T | None:
        nonlocal told
        try:
            return work()
        except RecoverOpsError as error:
            told = str(error)
            if _MISSING not in told and _NO_ROLE not in told:
                raise
            return None

    try:
        return ground.until(what, tried, within=within)
    except OutOfTimeError as error:
        raise FailedError(f"{error}{f': {told}' if told else ''}") from error


def _executed(stage: Stage, what: str, work: Callable[[], Execution]) -> Execution:
    """One that failed for a missing permission did nothing, and may have been too early for IAM."""

    def tried() -> Execution | None:
        last = work()
        told.append(last.statement)
        return None if last.status is ExecutionStatus.FAILED and _MISSING in last.statement else last

    told: list[str] = []
    try:
        found = stage.ground.until(what, tried, within=_CONSISTENT)
    except OutOfTimeError as error:
        raise FailedError(f"{error}: {told[-1]}") from error
    claim(found.status is ExecutionStatus.SUCCEEDED, f"{what}: {found.status}: {found.statement}")
    stage.tell(f"{what}: {found.statement}")
    return found


def _setting_of(action: str) -> str:
    """What `actions` calls it: declared documents have a name each."""
    return next((one for one in ("ssm-run", "ssm-automation") if action.startswith(f"{one}-")), action)

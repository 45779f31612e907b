"""The conformance kit for actions. A plugin author calls `check_action` from a test, against a real target.

Every check works on the plan as it comes back from storage, because that is the plan that an engine probes and executes
after a crash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import cast

from recoverops.model import (
    EffectClass,
    ExecutionStatus,
    MisconfiguredError,
    PermanentError,
    Plan,
    ProbeAnswer,
    Service,
    UnreachableError,
)
from recoverops.ports import Action, ReversibleAction
from recoverops.testing.action_claims import claim_answer, claim_succeeded, claim_texts, stored
from recoverops.testing.claims import ConformanceError, claim, claim_no_secret
from recoverops.testing.undo_kit import Situation, Undoing, check_undo

_KEY = "conformance-kit:1"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_TIMEOUT = timedelta(hours=1)


def check_action(
    action: Action,
    service: Service,
    arguments: Mapping[str, str] | None = None,
    *,
    break_it: Callable[[], object],
    snapshot: Callable[[], object],
    cut_off: Callable[[], AbstractContextManager[object]],
    secrets: Iterable[str] = (),
    undoing: Undoing | None = None,
) -> None:
    """Runs every check of the kit; raises `ConformanceError` with the sentence that does not hold.

    `break_it` brings the target into a state that the action repairs. `snapshot` returns everything that the action may
    change, comparable with `==`; it must differ after each real effect (count starts, not only "it runs").
    `cut_off` makes the target unreachable for the time of its context. A REVERSIBLE action needs `undoing`;
    `break_it` is then called after its `tamper` as well.
    """
    given = dict(arguments or {})
    hidden = tuple(secrets)
    check_declaration(action)
    break_it()
    check_arguments(action, service, given, snapshot=snapshot)
    check_aim(action, service, given)
    check_effect(action, service, given, snapshot=snapshot, secrets=hidden)
    break_it()
    check_unreachable(action, service, given, snapshot=snapshot, cut_off=cut_off, secrets=hidden)
    if action.effect is EffectClass.REVERSIBLE:
        if undoing is None:
            raise ConformanceError("it is reversible, so the kit needs `undoing`: what is restored, and a later change")
        eyes = Situation(break_it=break_it, snapshot=snapshot, undoing=undoing, cut_off=cut_off)
        check_undo(cast(ReversibleAction, action), service, given, situation=eyes, secrets=hidden)


def check_declaration(action: Action) -> None:
    """What the action says of itself is complete."""
    claim(_NAME.fullmatch(action.name) is not None, f"name {action.name!r} is not written like restart-service")
    claim(bool(action.summary.strip()) and "\n" not in action.summary, "summary is not one line for people")
    claim(timedelta(0) < action.timeout <= _LONGEST_TIMEOUT, f"timeout {action.timeout} is not between 0 and 1 h")
    claim(bool(action.permissions), "it declares no permissions, so no least-privilege policy can be generated")
    for permission in action.permissions:
        claim(bool(permission.system and permission.right and permission.why), f"permission {permission} has a gap")
    names = [parameter.name for parameter in action.parameters]
    claim(len(names) == len(set(names)), f"two parameters share a name: {names}")
    for parameter in action.parameters:
        claim(bool(parameter.meaning.strip()), f'parameter "{parameter.name}" has no meaning for people')
        _claim_pattern(parameter.name, parameter.pattern)
    if action.effect is EffectClass.REVERSIBLE:
        claim(callable(getattr(action, "undo", None)), "it is declared reversible but has no undo")
        claim(callable(getattr(action, "probe_undo", None)), "it is declared reversible but has no probe_undo")


def check_arguments(
    action: Action, service: Service, arguments: Mapping[str, str], *, snapshot: Callable[[], object]
) -> None:
    """Whatever does not fit the declared patterns is refused by `plan`, before anything happens."""
    before = snapshot()
    _claim_refused(action, service, {**arguments, "undeclared-argument": "1"}, "an argument that is not declared")
    for parameter in action.parameters:
        for value in ("-x", "--option=1", f"{arguments.get(parameter.name, 'a')}\n--option"):
            what = f'{value!r} for parameter "{parameter.name}"'
            _claim_refused(action, service, {**arguments, parameter.name: value}, what)
        if parameter.required:
            rest = {name: value for name, value in arguments.items() if name != parameter.name}
            _claim_refused(action, service, rest, f'a missing "{parameter.name}", which is required')
    claim(snapshot() == before, "refusing arguments changed the target")


def check_aim(action: Action, service: Service, arguments: Mapping[str, str]) -> None:
    """A service without an address is a mistake in the configuration, and is called one."""
    homeless = Service(name=service.name, group=service.group)
    try:
        action.plan(homeless, arguments)
    except MisconfiguredError:
        return
    raise ConformanceError("plan accepts a service that has no address")


def check_effect(
    action: Action,
    service: Service,
    arguments: Mapping[str, str],
    *,
    snapshot: Callable[[], object],
    secrets: Iterable[str] = (),
) -> None:
    """Planning and probing change nothing; executing takes effect, once, and the probe sees it."""
    before = snapshot()
    plan = stored(action.plan(service, arguments))
    again = action.plan(service, arguments)
    _claim_plan(action, service, arguments, plan, secrets)
    claim(plan.hash == again.hash, "two plans of the same thing have different hashes")
    claim(snapshot() == before, "plan changed the target")
    claim_answer(action.probe(plan, service), ProbeAnswer.NOT_DONE, "before it was executed", secrets)
    claim(snapshot() == before, "probe changed the target")
    claim_succeeded(action.execute(plan, service, idempotency_key=_KEY), "execute", "the first time", secrets)
    after = snapshot()
    claim(after != before, "execute reports success but the snapshot is the same: no effect, or not a telling snapshot")
    claim_answer(action.probe(plan, service), ProbeAnswer.DONE, "after it was executed", secrets)
    claim_succeeded(action.execute(plan, service, idempotency_key=_KEY), "execute", "the second time", secrets)
    claim(snapshot() == after, "a second execute with the same plan and key repeated the effect")


def check_unreachable(
    action: Action,
    service: Service,
    arguments: Mapping[str, str],
    *,
    snapshot: Callable[[], object],
    cut_off: Callable[[], AbstractContextManager[object]],
    secrets: Iterable[str] = (),
) -> None:
    """An unreachable target is said to be unreachable or unknown; it is never a crash and never a success."""
    plan = stored(action.plan(service, arguments))
    before = snapshot()
    with cut_off():
        claim_answer(action.probe(plan, service), ProbeAnswer.UNKNOWN, "while the target is unreachable", secrets)
        try:
            action.plan(service, arguments)
        except UnreachableError as error:
            claim_no_secret(str(error), secrets, where="the error of plan")
        else:
            raise ConformanceError("plan does not raise UnreachableError while the target is unreachable")
        execution = action.execute(plan, service, idempotency_key=f"{_KEY}:unreachable")
        claim(
            execution.status is not ExecutionStatus.SUCCEEDED, "execute reports success while the target is unreachable"
        )
        claim_texts(execution.statement, execution.after, secrets, "execute")
    claim(snapshot() == before, "calls to an unreachable target had an effect")


def _claim_pattern(name: str, pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConformanceError(f'parameter "{name}" has a pattern that is no regular expression: {error}') from error
    claim(bool(pattern), f'parameter "{name}" has no pattern')
    claim(compiled.fullmatch("") is None, f'parameter "{name}": its pattern {pattern!r} matches the empty text')


def _claim_refused(action: Action, service: Service, arguments: Mapping[str, str], what: str) -> None:
    try:
        action.plan(service, arguments)
    except (MisconfiguredError, PermanentError):
        return
    raise ConformanceError(f"plan accepts {what}")


def _claim_plan(
    action: Action, service: Service, arguments: Mapping[str, str], plan: Plan, secrets: Iterable[str]
) -> None:
    claim(plan.action == action.name, f"the plan names the action {plan.action!r}")
    claim(plan.effect is action.effect, f"the plan has effect {plan.effect}, the action {action.effect}")
    claim(plan.target == service.resource, f"the plan aims at {plan.target}, asked was {service.resource}")
    claim(plan.target in plan.touches, "the plan does not count its own target among what it touches")
    claim(dict(plan.arguments) == dict(arguments), f"the plan has arguments {plan.arguments}, given were {arguments}")
    claim(plan.timeout_s == action.timeout.total_seconds(), "the plan's timeout is not the action's")
    chosen = {*plan.aim, *plan.listed}
    claim(chosen <= plan.before.keys(), f"aim and listed name {sorted(chosen)}, before has {sorted(plan.before)}")
    claim(not {*plan.aim} & {*plan.listed}, f"aim {plan.aim} and listed {plan.listed} share an entry")
    claim(service.name in plan.summary, f"the summary {plan.summary!r} does not name the service")
    claim_texts(plan.summary, plan.before, secrets, "plan")

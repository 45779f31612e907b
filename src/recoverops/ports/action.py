"""How RecoverOps changes the world: plan, probe, execute. Vendors implement it, one conformance kit tests them all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from recoverops.model import EffectClass, Execution, Plan, ProbeResult, Record, Service


class Parameter(Record, frozen=True, kw_only=True):
    """One argument that a runbook may give."""

    name: str
    pattern: str
    """Regular expression that the whole value must match; a leading dash is refused everywhere."""
    meaning: str
    required: bool = True


class Permission(Record, frozen=True, kw_only=True):
    """One right that the action needs, for the generated least-privilege policy."""

    system: str
    """`iam`, `rbac`, `sudoers`, `supervisor`, ..."""
    right: str
    why: str


class Action(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str:
        """One line for people: what it does."""

    @property
    def effect(self) -> EffectClass: ...

    @property
    def timeout(self) -> timedelta: ...

    @property
    def parameters(self) -> tuple[Parameter, ...]: ...

    @property
    def permissions(self) -> tuple[Permission, ...]: ...

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        """What it would do to this service, on the state probed now. Changes nothing.

        Raises `MisconfiguredError` when the service has no address that this action understands, `UnreachableError`
        when the state could not be read, `PermanentError` when there is nothing that it could act on.
        """

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        """Whether the effect of this plan has happened since the plan was made. Changes nothing.

        Called after a crash between intent and outcome, and after an unknown outcome. Never raises for an unreachable
        target: that is the answer UNKNOWN.
        """

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        """Do it, once. Returns within `timeout`; reports failure as a value, not as an exception. Nobody can end a call
        that does not return: a person is told of it, and its target stays locked.

        The same key with an effect that has already happened must not repeat it where the target can tell.
        """


class ReversibleAction(Action, Protocol):
    """What an action of the class REVERSIBLE offers besides."""

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        """Restore `plan.before`, if the target is still as we left it (`left` is `Execution.after`).

        Compare-and-set: anything that somebody changed since makes it FAILED, and nothing is touched. A target that
        is in the state of `plan.before` already is SUCCEEDED without doing anything. A person may ask for it after an
        `execute` that failed, or whose end nobody knows: then `left` has what was kept until there, or nothing.
        """

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        """DONE: the target is in the state of `plan.before`; NOT_DONE: still as we left it; UNKNOWN: anything else."""

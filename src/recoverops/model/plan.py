"""What an action would do, before it does it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from recoverops.model.ids import digest
from recoverops.model.record import Record
from recoverops.model.resource import Resource


class EffectClass(StrEnum):
    REVERSIBLE = "reversible"
    """undo restores the probed prior state"""
    RESTORATIVE = "restorative"
    """restart or kill: changes no configuration and no data, may act alone within the gates"""
    IRREVERSIBLE = "irreversible"
    """a person approves, always"""


class Plan(Record, frozen=True, kw_only=True):
    """One action with its arguments, aimed. An approval is bound to `hash`."""

    action: str
    effect: EffectClass
    target: Resource
    arguments: Mapping[str, str]
    touches: tuple[Resource, ...]
    """Everything that will feel it; the blast radius is counted here."""
    summary: str
    """One sentence for the person who approves: "restart checkout (supervisor shop:checkout, now EXITED)"."""
    before: Mapping[str, str] = {}
    """The probed state that the plan was made on. But for `aim` it is not part of the hash: it may move while a person
    decides."""
    aim: tuple[str, ...] = ()
    """Names of the entries of `before` that the action chose by itself and that a person says yes to: the volume, the
    release, the process that goes. Part of the hash. The same at every look at an unchanged world."""
    listed: tuple[str, ...] = ()
    """Names of the entries of `before` that were listed to the person and may grow until the answer: a yes is for those
    that were listed, see `as_approved`. Not part of the hash, because then no yes might ever fit."""
    timeout_s: float
    """Seconds after which the action gives its call up and reports an unknown outcome, which is probed."""
    always_asks: str = ""
    """Why a person approves it, and nobody but a person takes it back, though it is reversible. Empty: rules decide."""

    @property
    def hash(self) -> str:
        arguments = sorted(f"{key}={value}" for key, value in self.arguments.items())
        aim = [
            *(f"{name} is {self.before[name]}" for name in sorted(self.aim)),
            *(f"lists {one}" for one in self.listed),
        ]
        return digest(self.action, self.effect, str(self.target), *arguments, *sorted(map(str, self.touches)), *aim)

    def as_approved(self, shown: Plan) -> Plan:
        """This plan, made now, with what was listed in the one that a person said yes to. Both have the same hash."""
        if not self.listed:
            return self
        then = {name: shown.before[name] for name in self.listed}
        return msgspec.structs.replace(self, before={**self.before, **then}, summary=shown.summary)


class ProbeAnswer(StrEnum):
    DONE = "done"
    NOT_DONE = "not_done"
    HALF_DONE = "half_done"
    """begun and not finished: called again, the action goes on where it stopped"""
    UNKNOWN = "unknown"


class ProbeResult(Record, frozen=True, kw_only=True):
    """Whether the planned effect has already happened, compared with `Plan.before`."""

    answer: ProbeAnswer
    statement: str


class ExecutionStatus(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """it certainly did not take effect, or took effect and failed: `statement` says which"""
    UNKNOWN = "unknown"
    """it may have taken effect; the caller probes"""


class Execution(Record, frozen=True, kw_only=True):
    """What the action itself reports. Whether it *helped* is decided by verification, never here."""

    status: ExecutionStatus
    statement: str
    after: Mapping[str, str] = {}

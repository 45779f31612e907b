"""What an action would do, before it does it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

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
    """The probed state that the plan was made on. Not part of the hash: it may move while a person decides."""
    timeout_s: float
    """Seconds after which the call is given up and its outcome counts as unknown until it is probed."""
    always_asks: str = ""
    """Why a person approves it, and nobody but a person takes it back, though it is reversible. Empty: rules decide."""

    @property
    def hash(self) -> str:
        arguments = sorted(f"{key}={value}" for key, value in self.arguments.items())
        return digest(self.action, self.effect, str(self.target), *arguments, *sorted(map(str, self.touches)))


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

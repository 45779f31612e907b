"""What a fault is: something real done to a running process, and the cause that a right diagnosis would name."""

from __future__ import annotations

from typing import Protocol

from recoverops.model import IncidentKind, Record


class Target(Record, frozen=True, kw_only=True):
    """The service as a fault sees it."""

    name: str
    pid: int
    """Its process, as its supervisor told it a moment ago."""


class Fault(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def cause_expected(self) -> IncidentKind:
        """What diagnosis has to answer to be right."""

    @property
    def summary(self) -> str:
        """One line for people: what is done to the service."""

    def inject(self, target: Target) -> None:
        """Do it, and return when it is done. Raises PermanentError when it could not be done."""

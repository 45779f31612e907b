"""What a fault is: something real done to the running shop, the cause a right diagnosis names, and what may be done."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol, runtime_checkable

from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind


class Needs(StrEnum):
    """What the machine has to offer beyond a shop under supervisord."""

    NOTHING = "nothing"
    MOUNT = "mount"
    """the right to mount a small file system: root"""
    NGINX = "nginx"
    """an installed nginx, which shares the load between two gateways"""


class Fault(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str:
        """One line for people: what is done to the service."""

    @property
    def service(self) -> str:
        """The service it is done to, and the only one that needs a remedy."""

    @property
    def cause_expected(self) -> IncidentKind:
        """What diagnosis has to answer to be right."""

    @property
    def allowed(self) -> frozenset[str]:
        """The actions that are right; any other one is a false action."""

    @property
    def needs(self) -> Needs: ...

    def inject(self, scene: Scene, target: Target) -> None:
        """Do it, and return when it is done. Raises PermanentError when it could not be done.

        `target` is the service's process before.
        """

    def restore(self, scene: Scene, target: Target) -> None:
        """Put everything back for the next fault, healed or not. Touches nothing that is well already."""


@runtime_checkable
class TakenBack(Fault, Protocol):
    """A fault whose remedy is for a while only: once people have repaired the service, they ask to take it back."""

    @property
    def back(self) -> str:
        """The runbook to ask for."""

    def repair(self, scene: Scene, target: Target) -> None:
        """What people do about the service itself, once it is healed."""

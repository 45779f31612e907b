"""What trouble happens to and what actions aim at."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from recoverops.model.errors import PermanentError
from recoverops.model.record import Record


class ResourceKind(StrEnum):
    SERVICE = "service"
    HOST = "host"
    SOURCE = "source"
    """one of RecoverOps' own sources of signals: while it does not answer, nothing is known of what it watches"""


class Resource(Record, frozen=True, kw_only=True):
    """A thing that the inventory knows, or an alert merely named."""

    kind: ResourceKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Resource:
        """The resource written as `kind:name`; raises PermanentError otherwise."""
        kind, colon, name = text.partition(":")
        if not colon or not name or kind not in list(ResourceKind):
            raise PermanentError(f'resource "{text}" is not of the form kind:name, e.g. service:checkout')
        return cls(kind=ResourceKind(kind), name=name)


class Service(Record, frozen=True, kw_only=True):
    """One service of the inventory: the only thing that an action may be aimed at."""

    name: str
    group: str
    """Members of one group stand in for each other; blast radius counts within it."""
    address: Mapping[str, str] = {}
    """Where each vendor finds it, e.g. `supervisor: shop:checkout`, `http: http://127.0.0.1:8080/health`."""
    depends_on: tuple[str, ...] = ()
    """Names of services that it needs; trouble there explains trouble here."""
    match: Mapping[str, str] = {}
    """Alert labels that mean this service, all of which must be equal."""

    @property
    def resource(self) -> Resource:
        return Resource(kind=ResourceKind.SERVICE, name=self.name)

"""Where whole objects are kept under keys: what an object store of a cloud has in common with a local one.

Models and history use it through `storage`; plugins implement it (`PluginParts.object_stores`). Every write says what
it expects to find, so two writers never overwrite each other unnoticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEntry:
    """One object of a list."""

    key: str
    """Below the store's URL: `joint/3/manifest.json`."""
    size: int
    tag: str
    """Another one after every change of the content; opaque."""
    at: datetime
    """When it was written, by the store's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    data: bytes
    tag: str


class ObjectStore(Protocol):
    """Thread-safe. An object is there wholly or not at all, and what was written is seen at once by everybody.

    Every method raises `UnreachableError` when the store does not answer, `ForbiddenError` with the name of a missing
    permission, `MisconfiguredError` and `PermanentError` for what a person has to put right.
    """

    @property
    def url(self) -> str:
        """What people call it, without / at its end: `s3://bucket/prefix`."""

    def get(self, key: str) -> StoredObject:
        """The object. Raises `NotFoundError`."""

    def put(self, key: str, data: bytes, *, over: str | None) -> str:
        """Write it, and give its tag. `over` is the tag of what it replaces, None for a key where nothing may be.

        Raises `ConflictError` when something else is there, and `OutcomeUnknownError` when the answer was lost: look.
        """

    def list(self, prefix: str) -> tuple[ObjectEntry, ...]:
        """Every object whose key begins with this text, by key."""

    def delete(self, key: str) -> None:
        """Remove it. One that is not there is fine."""


class ObjectStores(Protocol):
    """Opens the object stores of one scheme. Offered by a plugin."""

    @property
    def scheme(self) -> str:
        """`s3`, as in `s3://bucket/prefix`"""

    def open(self, url: str) -> ObjectStore:
        """Asks nothing yet. Raises `MisconfiguredError` for an URL that is none, or that it has no access to."""


def scheme_of(place: str) -> str:
    """`s3` of `s3://bucket/prefix`; empty for a path in the file system."""
    scheme, separator, _ = place.partition("://")
    return scheme if separator else ""

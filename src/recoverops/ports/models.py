"""Where trained models are kept: versions with digests, one of them current.

`storage/models` implements it in a local folder and on an object store (`ports/objects.py`). Training writes, detection
reads at start and when told to; a model is plain JSON and arrays of numbers, never code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # every command imports the ports, most of them need no numpy
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelParts:
    """What a model is made of."""

    kind: str
    """Names the family; whoever loads it picks the class by this."""
    description: Mapping[str, Any]
    """Plain JSON values."""
    arrays: Mapping[str, NDArray[Any]]
    """Numbers only; an array of objects is refused."""
    report: Mapping[str, Any]
    """The evaluation that was made with it, as plain JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One stored version. It never changes."""

    name: str
    """Which model, e.g. `joint`."""
    version: int
    """1, 2, 3 ... in the order of saving"""
    kind: str
    digest: str
    """SHA-256 of the version's manifest, which holds those of its files; 64 hex digits."""
    created_at: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInUse:
    """A version that was loaded whole, its digests checked."""

    version: ModelVersion
    parts: ModelParts
    refused: tuple[str, ...] = ()
    """One sentence for each newer version that should have been used and is damaged."""


class ModelStore(Protocol):
    """Versions by name. Every method may raise `UnreachableError` when the store itself does not answer."""

    def save(self, name: str, parts: ModelParts, *, at: datetime) -> ModelVersion:
        """Keep it as a new version, wholly or not at all. Does not make it current. Prunes what retention allows."""

    def names(self) -> tuple[str, ...]:
        """Every name that something was ever saved under, sorted."""

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """Newest first. A damaged version is not listed; `damaged` says why."""

    def damaged(self, name: str) -> tuple[str, ...]:
        """One sentence for each version that is there and cannot be used."""

    def current(self, name: str) -> int | None:
        """The number of the current version; None before the first switch."""

    def load(self, name: str, version: int) -> ModelInUse:
        """That version. Raises `NotFoundError`, or `PermanentError` when a digest does not hold."""

    def load_current(self, name: str) -> ModelInUse | None:
        """The current version, or when it is damaged the one in use before it; None when nothing was ever current.

        Raises `PermanentError` when none of those that were in use is whole.
        """

    def switch(self, name: str, *, to: int, expected: int | None) -> ModelVersion:
        """Make `to` current if `expected` still is; also the way back to an earlier version.

        The version is checked first: a damaged one is refused with `PermanentError` and the current one stays. Raises
        `ConflictError` when somebody switched before, `NotFoundError` when there is no such version.
        """

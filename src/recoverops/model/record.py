"""The base of every record, and its one JSON form.

Stored JSON carries `v`, the version of its shape. A change of shape raises the class's `VERSION` and adds an upcaster
from the version before; golden files in `tests/golden/` keep old releases readable.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, TypeVar

import msgspec

from recoverops.model.errors import PermanentError

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Frozen, keyword-only and slotted; times are aware UTC, durations `timedelta`."""

    VERSION: ClassVar[int] = 1
    UPCASTERS: ClassVar[dict[int, Upcaster]] = {}
    """from version -> the function that lifts the plain JSON object to the next version"""


R = TypeVar("R", bound=Record)


def to_plain(record: Record) -> dict[str, Any]:
    """The record as plain JSON values, for people and doors."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain


def to_json(record: Record) -> str:
    """The record as a JSON object with its version in `v`, for storing."""
    fields = msgspec.json.encode(record).decode()[1:-1]
    return f"{{{fields}{',' if fields else ''}{_last_field(record.VERSION)}"


def from_json(cls: type[R], text: str | bytes) -> R:
    """The record that `to_json` wrote, in this or any earlier release.

    Raises `PermanentError` when the text was written by a newer release or is not this record at all.
    """
    if isinstance(text, str) and text.endswith(_last_field(cls.VERSION)):
        return _decoded(cls, text)
    plain = msgspec.json.decode(text)
    version = plain.pop("v", None) if isinstance(plain, dict) else None
    if not isinstance(version, int):
        raise PermanentError(f"stored {cls.__name__} has no version: {text[:80]!r}; restore it from a backup")
    if version > cls.VERSION:
        raise PermanentError(
            f"stored {cls.__name__} has version {version}, this release reads up to {cls.VERSION}; upgrade RecoverOps"
        )
    while version < cls.VERSION:
        plain = cls.UPCASTERS[version](plain)
        version += 1
    try:
        return msgspec.convert(plain, cls)
    except msgspec.ValidationError as error:
        raise _misfit(cls, error) from error


def _decoded(cls: type[R], text: str) -> R:
    """What this release wrote, without a look at its version first: that takes half of the time."""
    try:
        return msgspec.json.decode(text, type=cls)
    except msgspec.ValidationError as error:
        raise _misfit(cls, error) from error


def _misfit(cls: type[Record], error: msgspec.ValidationError) -> PermanentError:
    return PermanentError(f"stored {cls.__name__} does not fit its shape: {error}")


@cache
def _last_field(version: int) -> str:
    return f'"v":{version}}}'

"""Which version is current, and which were before it: one small document, replaced at once.

Called by `folder.py` and `objects.py`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from recoverops.model import ConflictError, PermanentError
from recoverops.storage.durable_file import write_durably

POINTER = "current.json"
_REMEMBERED = 10


class Pointer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Versions that were current, the newest first; the first one is."""

    used: tuple[int, ...] = ()

    @property
    def current(self) -> int | None:
        return self.used[0] if self.used else None

    def switched(self, to: int) -> Pointer:
        """`to` in front; what was current before comes right behind it."""
        return Pointer(used=(to, *(one for one in self.used if one != to))[:_REMEMBERED])

    def check(self, name: str, expected: int | None) -> None:
        """Raises `ConflictError` unless `expected` is current."""
        if self.current != expected:
            raise ConflictError(
                f"version {self.current} of the model {name!r} is current, expected {expected}; somebody switched in "
                "between, look again"
            )


def pointer_of(where: str, data: bytes) -> Pointer:
    """Raises `PermanentError` when it is damaged; `where` is how people find it."""
    try:
        return msgspec.json.decode(data, type=Pointer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PermanentError(
            f"{where} does not say which model is current ({error}); remove it and make one current"
        ) from error


def bytes_of(pointer: Pointer) -> bytes:
    return msgspec.json.encode(pointer)


def read_pointer(folder: Path) -> Pointer:
    """Nothing is current where there is no pointer. Raises `PermanentError` when it is damaged."""
    path = folder / POINTER
    try:
        return pointer_of(str(path), path.read_bytes())
    except FileNotFoundError:
        return Pointer()


def write_pointer(folder: Path, pointer: Pointer) -> None:
    write_durably(folder / POINTER, bytes_of(pointer))

"""Which version is current, and which were before it: one small file, replaced at once. Called by `folder.py`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from recoverops.model import PermanentError
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


def read_pointer(folder: Path) -> Pointer:
    """Nothing is current where there is no pointer. Raises `PermanentError` when it is damaged."""
    path = folder / POINTER
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pointer)
    except FileNotFoundError:
        return Pointer()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PermanentError(
            f"{path} does not say which model is current ({error}); remove it and make one current"
        ) from error


def write_pointer(folder: Path, pointer: Pointer) -> None:
    write_durably(folder / POINTER, msgspec.json.encode(pointer))

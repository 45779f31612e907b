"""What both places of models decide in the same way: names, numbers, what may go, which version is used. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from recoverops.model import MisconfiguredError, NotFoundError, PermanentError
from recoverops.ports import ModelInUse
from recoverops.storage.models.pointer import Pointer

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def checked_name(name: str) -> str:
    if NAME.fullmatch(name) is None:
        raise PermanentError(f"{name!r} is no name of a model; use a-z, 0-9, - and _, at most 64 of them")
    return name


def checked_keep(keep: int) -> int:
    if keep < 1:
        raise MisconfiguredError(f"keeping {keep} versions of a model keeps none; keep 1 or more")
    return keep


def numbers_in(names: Iterable[str]) -> list[int]:
    """Those that are versions, newest first."""
    return sorted({int(name) for name in names if _NUMBER.fullmatch(name)}, reverse=True)


def next_number(taken: Iterable[int], pointer: Pointer | None) -> int:
    return max([*taken, *(() if pointer is None else pointer.used)], default=0) + 1


def outdated(numbers: Sequence[int], pointer: Pointer, *, keep: int) -> tuple[int, ...]:
    """`numbers`: newest first. The current one and the one in use before it stay, however old they are."""
    return tuple(number for number in numbers[keep:] if number not in pointer.used[:2])


def first_whole(name: str, used: Sequence[int], load: Callable[[str, int], ModelInUse]) -> ModelInUse | None:
    """The newest of those that were in use which can be loaded; None when there is none in `used`.

    Raises `PermanentError` when none of them is whole.
    """
    refused: list[str] = []
    for number in used:
        try:
            loaded = load(name, number)
        except (PermanentError, NotFoundError) as error:
            refused.append(str(error))
            continue
        return ModelInUse(version=loaded.version, parts=loaded.parts, refused=tuple(refused))
    if refused:
        raise PermanentError(f"no version of the model {name!r} that was in use is whole: {'; '.join(refused)}")
    return None

"""Where something stands: a line of a file, or an environment variable. Every problem begins with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recoverops.redact import HIDDEN, redact

Key = str | int
KeyPath = tuple[Key, ...]
"""The keys and list positions that lead to a value: `("services", 0, "name")`."""

MOST_PROBLEMS = 50
"""No reader lists more than this: who has more fixes these first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    source: str
    """The file as its caller named it, or the variable."""
    line: int | None = None
    """From 1; None for a variable, and for what is missing from the whole file."""
    is_variable: bool = False

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


def problem(place: Place, what: str, way_out: str) -> str:
    """The sentence for `MisconfiguredError`: where, what is wrong with which value, what to do about it."""
    return f"{place}: {what}; {way_out}"


def written(path: KeyPath) -> str:
    """The path as messages show it: `services[0].name`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{short(key)}" if text else short(key)
    return text


def path_of(name: str) -> KeyPath:
    """The inverse of `written`."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", name)
    return tuple(int(position) if position else key for position, key in parts)


def variable_of(path: KeyPath) -> str:
    """The environment variable that sets the value at this path: `RECOVEROPS_SERVICES__0__NAME`."""
    return "RECOVEROPS_" + "__".join(str(key).replace("-", "_").upper() for key in path)


def is_secret(path: KeyPath) -> bool:
    """Whether a key on the way has a name under which secrets are kept."""
    return any(isinstance(key, str) and redact(f"{key[:200]}: x") != f"{key[:200]}: x" for key in path)


def shown(value: str, path: KeyPath) -> str:
    """The value as a message may show it: short, on one line, and hidden when its key looks secret."""
    if is_secret(path):
        return HIDDEN
    return short(redact(value[:200]))


def short(text: str) -> str:
    """The text on one line of at most 60 characters."""
    line = " ".join(text[:200].split())
    return line if len(line) <= 60 else f"{line[:57]}..."

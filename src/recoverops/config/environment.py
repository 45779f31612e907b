"""The one file that reads the process's environment, and the meaning of `RECOVEROPS_*` names.

`RECOVEROPS_<SECTION>__<KEY>` sets a setting; two underscores stand between levels. An empty value counts as not set.
A value in brackets, braces or quotes is read as YAML, every other one as a plain scalar.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from recoverops.config.place import Place, problem
from recoverops.config.reading import read_yaml
from recoverops.config.tree import Items, Keys, Node, Scalar, texts, unquoted
from recoverops.model import MisconfiguredError

PREFIX = "RECOVEROPS_"
CONFIG = "RECOVEROPS_CONFIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    name: str
    parts: tuple[str, ...]
    """In lower case: `("decision", "cooldown")`."""
    node: Node


def process_environment() -> Mapping[str, str]:
    """A copy of this process's environment. Called once, where the program starts."""
    return dict(os.environ)


def setting_variables(environment: Mapping[str, str], root: Node) -> tuple[Variable, ...]:
    """The variables that set something, shortest paths first, so that a part overrides the whole.

    A variable that the configuration refers to as `env:NAME` is a secret and sets nothing, whatever its name.

    Raises `MisconfiguredError` for values that cannot be read.
    """
    found: list[Variable] = []
    problems: list[str] = []
    secrets = {text.removeprefix("env:") for text in (*texts(root), *environment.values()) if text.startswith("env:")}
    for name in sorted(environment, key=lambda name: (name.count("__"), name)):
        is_setting = name.startswith(PREFIX) and name != CONFIG and name not in secrets
        if not is_setting or not environment[name].strip():
            continue
        try:
            node = _read(name, environment[name])
        except MisconfiguredError as error:
            problems.extend(error.problems)
            continue
        parts = tuple(name.removeprefix(PREFIX).lower().split("__"))
        found.append(Variable(name=name, parts=parts, node=node))
    if problems:
        raise MisconfiguredError(*problems)
    return tuple(found)


def path_in(root: Node, parts: tuple[str, ...]) -> tuple[str | int, ...]:
    """The path that a variable means in this tree: keys as they are written there, digits as list positions."""
    path: list[str | int] = []
    node: Node | None = root
    for part in parts:
        key: str | int = part
        if isinstance(node, Items) and part.isascii() and part.isdigit():
            key = int(part)
            node = node.items[key] if key < len(node.items) else None
        elif isinstance(node, Keys):
            key = next((name for name in node.entries if name.lower().replace("-", "_") == part), part)
            node = node.entries.get(key)
        else:
            node = None
        path.append(key)
    return tuple(path)


def _read(name: str, text: str) -> Node:
    place = Place(source=name, is_variable=True)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise MisconfiguredError(problem(place, "its value is not UTF-8", "set it to UTF-8 text"))
    text = text.strip()
    if text[0] not in "[{\"'":
        return unquoted(text, place)
    return read_yaml(text, source=name, is_variable=True) or Scalar(place=place, text=text, value=text)

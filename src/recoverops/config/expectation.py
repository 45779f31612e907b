"""What a place expects, in words, and an example that it would take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from recoverops.config.scalars import resolve
from recoverops.config.shape import Shape, shapes_at
from recoverops.config.tree import Node, Scalar
from recoverops.model import format_duration

_WORDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (timedelta, "a duration"),
    (str, "a text"),
    (SecretStr, "a text"),
    (PurePath, "a path"),
    (BaseModel, "a mapping of keys to values"),
    (Mapping, "a mapping of keys to values"),
    (Sequence, "a list"),
    (Set, "a list"),
)

_BOOLEANS = {**dict.fromkeys(("yes", "y", "on", "1"), "true"), **dict.fromkeys(("no", "n", "off", "0"), "false")}


def expected(found: tuple[Shape, ...]) -> str:
    """E.g. `a whole number of 0 or more`, `one of "ask", "act"`; empty when there are no words for it."""
    words = [_in_words(shape) for shape in found]
    return " or ".join(dict.fromkeys(words)) if words and all(words) else ""


def example(found: tuple[Shape, ...], node: Node | None, *, is_secret: bool) -> str | None:
    """A value as YAML that the place would take: what was meant, else the setting's own example or default."""
    for shape in found:
        meant = _meant(shape, node) if not is_secret else None
        if meant is not None:
            return meant
        own = _own_example(shape)
        if own is not None:
            return own
    if is_secret:
        return None
    return next((made for shape in found if (made := _made_example(shape, node)) is not None), None)


def choices(shape: Shape) -> tuple[object, ...]:
    """The values of an enum or a Literal; empty for every other type."""
    if get_origin(shape.kind) is Literal:
        return tuple(value.value if isinstance(value, Enum) else value for value in get_args(shape.kind))
    if isinstance(shape.kind, type) and issubclass(shape.kind, Enum):
        return tuple(member.value for member in shape.kind)
    return ()


def in_yaml(value: object) -> str | None:
    """A default or bound as a document writes it; None for what has no short form."""
    if isinstance(value, Enum):
        return in_yaml(value.value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, str):
        plain = value and resolve(value) == value and not set(value) & set("#:,[]{}&*!|>'\"%@`\\\n")
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def _in_words(shape: Shape) -> str:
    values = [in_yaml(value) or "" for value in choices(shape)]
    if values:
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    kind = _class_of(shape.kind)
    words = next((words for known, words in _WORDS if kind is not None and issubclass(kind, known)), "")
    return f"{words}{_limits(shape)}" if words else ""


def _limits(shape: Shape) -> str:
    ge, gt, le, lt = (_bound(shape, name) for name in ("ge", "gt", "le", "lt"))
    if ge and le:
        return f" from {ge} to {le}"
    if gt and le:
        return f" above {gt} and up to {le}"
    sides = [ge and f"of {ge} or more", gt and f"above {gt}", le and f"of {le} or less", lt and f"below {lt}"]
    said = " and ".join(side for side in sides if side)
    shortest, longest = _bound(shape, "min_length"), _bound(shape, "max_length")
    unit = "characters" if shape.kind is str else "entries"
    lengths = [shortest and f"at least {shortest} {unit}", longest and f"at most {longest} {unit}"]
    parts = [said, "with " + " and ".join(part for part in lengths if part) if any(lengths) else ""]
    pattern = _raw_bound(shape, "pattern")
    parts.append(f"matching {pattern}" if pattern else "")
    return "".join(f" {part}" for part in parts if part)


def _bound(shape: Shape, name: str) -> str | None:
    return in_yaml(_raw_bound(shape, name))


def _raw_bound(shape: Shape, name: str) -> Any:
    found = (getattr(meta, name, None) for meta in shape.bounds)
    return next((value for value in found if value is not None), None)


def _meant(shape: Shape, node: Node | None) -> str | None:
    """The value that was most likely meant: the nearest word of a list, a number in quotes, true for yes."""
    if not isinstance(node, Scalar) or node.value is None:
        return None
    near = get_close_matches(node.text[:200], [value for value in choices(shape) if isinstance(value, str)], n=1)
    if near:
        return in_yaml(near[0])
    if shape.kind is bool:
        return _BOOLEANS.get(node.text.lower())
    is_text = isinstance(shape.kind, type) and issubclass(shape.kind, str | PurePath) and not choices(shape)
    if is_text and not isinstance(node.value, str) and not shape.bounds and len(node.text) <= 40:
        return json.dumps(node.text)
    return None


def _own_example(shape: Shape) -> str | None:
    values = choices(shape)
    if values:
        return in_yaml(values[0])
    for value in (*shape.examples, shape.default):
        said = in_yaml(value) if value is not PydanticUndefined and value != "" else None
        if said is not None:
            return said
    return None


def _made_example(shape: Shape, node: Node | None) -> str | None:
    kind = _class_of(shape.kind) or object
    if issubclass(kind, bool):
        return "true"
    if issubclass(kind, timedelta | int | float):
        return _bound(shape, "ge") or _bound(shape, "le") or ("5m" if kind is timedelta else "1")
    takes_text = any(below.kind is str for below in shapes_at(shape.kind, (0,)))
    if is_list(shape) and takes_text and isinstance(node, Scalar) and 0 < len(node.text) <= 40:
        return f"[{in_yaml(node.text)}]"
    return None


def is_list(shape: Shape) -> bool:
    kind = _class_of(shape.kind) or object
    return issubclass(kind, Sequence | Set) and not issubclass(kind, str)


def _class_of(kind: Any) -> type | None:
    found = get_origin(kind) or kind
    return found if isinstance(found, type) else None

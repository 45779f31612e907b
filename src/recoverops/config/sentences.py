"""Pydantic's errors -> our sentences: place, full key path, offending value, what was expected, way out."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails, core_schema

from recoverops.config.expectation import example, expected, is_list
from recoverops.config.place import (
    MOST_PROBLEMS,
    KeyPath,
    Place,
    is_secret,
    problem,
    short,
    shown,
    variable_of,
    written,
)
from recoverops.config.shape import Shape, known_keys, shapes_at
from recoverops.config.tree import Items, Keys, Node, Scalar, find
from recoverops.redact import redact

_IN_OUR_WORDS = frozenset(get_args(core_schema.ErrorType)) - {"value_error", "assertion_error"}
"""Every other error was raised by a settings class, in its own words."""
_IN_PYDANTICS_WORDS = {"multiple_of", "finite_number"}
"""The type and bounds are right, so to say them would explain nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was checked: the tree, the type, and the path at which the tree stands in its file."""

    node: Node
    kind: Any
    base: KeyPath

    def shapes_at(self, path: KeyPath) -> tuple[Shape, ...]:
        return shapes_at(self.kind, path)


def sentences(error: ValidationError, checked: Checked) -> tuple[str, ...]:
    """One sentence for each place that is wrong, in the order of the document's keys."""
    found: dict[tuple[KeyPath, str], str] = {}
    for details in islice(error.errors(include_url=False, include_input=False), 10 * MOST_PROBLEMS):
        path = place_of(checked.node, details)
        about = "value" if details["type"] in _IN_OUR_WORDS - {"extra_forbidden", "missing"} else details["type"]
        found.setdefault((path, about), _sentence(details, path, checked))
    return tuple(dict.fromkeys(found.values()))[:MOST_PROBLEMS]


def place_of(node: Node, details: ErrorDetails) -> KeyPath:
    """The error's path through the document. Pydantic's own has the names of union members in it, too."""
    path: KeyPath = ()
    for part in details["loc"]:
        if find(node, (*path, part)) is not None:
            path = (*path, part)
    if details["type"] == "missing":
        path = (*path, details["loc"][-1])
    return path


def _sentence(details: ErrorDetails, path: KeyPath, checked: Checked) -> str:
    if details["type"] == "missing":
        return _missing(path, checked)
    if details["type"] == "extra_forbidden":
        node = find(checked.node, path) or checked.node
        return unknown_key((*checked.base, *path), node, known_keys(checked.shapes_at(path[:-1])))
    if details["type"].startswith("union_tag_"):
        return _tag(details, path, checked)
    return _wrong(details, path, checked)


def unknown_key(path: KeyPath, node: Node, known: tuple[str, ...]) -> str:
    """The sentence for a key that nothing reads, with the nearest that something does."""
    parent, key = written(path[:-1]), str(path[-1])
    if is_set_by(node.place, path):
        return unknown_variable(node.place, tuple(variable_of((*path[:-1], name)) for name in known))
    near = get_close_matches(key[:200], known, n=1)
    inside = f"in {parent}" if parent else "at the top level"
    listed = f"nown keys: {', '.join(known)}" if known else ""
    way_out = f'did you mean "{near[0]}"? K{listed}' if near else f"k{listed}" if known else "delete it"
    return problem(node.place, f'unknown key "{short(key)}" {inside}', way_out)


def unknown_variable(place: Place, known: tuple[str, ...]) -> str:
    """The sentence for a RECOVEROPS_ variable that sets nothing."""
    near = get_close_matches(place.source, known, n=1)
    way_out = f"did you mean {near[0]}?" if near else "remove it; docs/configuration.md lists the variables"
    return problem(place, "this variable sets nothing that RecoverOps knows", way_out)


def is_set_by(place: Place, path: KeyPath) -> bool:
    """Whether the variable's name, and not text in its value, is what leads to the path."""
    return place.is_variable and f"{place.source}__".startswith(f"{variable_of(path)}__")


def _missing(path: KeyPath, checked: Checked) -> str:
    found = checked.shapes_at(path)
    parent = find(checked.node, path[:-1]) or checked.node
    full, key = (*checked.base, *path), path[-1]
    sample = example(found, None, is_secret=is_secret(full))
    words = expected(found)
    what = f"{written(full)} is missing" + (f", expected {words}" if words else "")
    return problem(
        parent.place, what, f"add e.g. {key}: {sample}" if sample else f"add a line {key}: with a value of yours"
    )


def _tag(details: ErrorDetails, path: KeyPath, checked: Checked) -> str:
    """A mapping whose kind is told by one of its keys, and that key is missing or names no kind."""
    context = details.get("ctx", {})
    key = str(context.get("discriminator", "")).strip("'")
    node = find(checked.node, path) or checked.node
    given = find(node, (key,))
    full = (*checked.base, *path, key)
    shapes = checked.shapes_at((*path, key))
    words = expected(shapes)
    what = f"{written(full)} is missing" if given is None else f"{written(full)} is {_value(given, full)}"
    sample = example(shapes, given, is_secret=False)
    return problem((given or node).place, f"{what}, expected {words}", f"write e.g. {key}: {sample}")


def _wrong(details: ErrorDetails, path: KeyPath, checked: Checked) -> str:
    node = find(checked.node, path) or checked.node
    full = (*checked.base, *path)
    secret = is_secret(full)
    subject = _subject(node, full)
    if details["type"] not in _IN_OUR_WORDS:
        message = redact(details["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, "))
        return f"{subject} is {_value(node, full)}: {message}" if isinstance(node, Scalar) else f"{subject}: {message}"
    found = checked.shapes_at(path)
    message = redact(details["msg"].removeprefix("Input should be ").removeprefix("Input is not "))
    words = (expected(found) if details["type"] not in _IN_PYDANTICS_WORDS else "") or message
    sample = example(found, node, is_secret=secret)
    return f"{subject} is {_value(node, full)}, expected {words}; {_way_out(full, node, found, sample)}"


def _subject(node: Node, full: KeyPath) -> str:
    """What the sentence is about: `file:line: key path`, or the variable alone when it says the path itself."""
    if node.place.is_variable and node.place.source == variable_of(full):
        return str(node.place)
    name = written(full)
    return f"{node.place}: {name}" if name else str(node.place)


def _way_out(full: KeyPath, node: Node, found: tuple[Shape, ...], sample: str | None) -> str:
    if sample is not None and node.place.is_variable:
        name = node.place.source
        return f"write e.g. {name}={sample}" if name == variable_of(full) else f"write e.g. {sample}"
    key = full[-1] if full else ""
    if sample is not None:
        return f"write e.g. {key}: {sample}" if isinstance(key, str) else f"write e.g. - {sample}"
    if any(shape.model is not None for shape in found):
        return f"known keys: {', '.join(known_keys(found))}"
    if any(is_list(shape) for shape in found):
        return 'begin each entry with "- " on a line of its own'
    return "correct it"


def _value(node: Node, full: KeyPath) -> str:
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Keys):
        return "a mapping"
    if node.value is None:
        return "empty"
    text = shown(node.text, full)
    return f'"{text}"' if isinstance(node.value, str) else text

"""A tree against a type: the checked value, or every problem at once.

Strict: a quoted number is no number, and `yes` is a text. Scalars of environment variables are the one exception,
because a shell knows only text: `RECOVEROPS_X=12` fits a setting that expects a text.
"""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from recoverops.config.place import KeyPath
from recoverops.config.sentences import Checked, place_of, sentences
from recoverops.config.tree import Node, Scalar, find, plain
from recoverops.model import MisconfiguredError

T = TypeVar("T")
_TEXTS = {"string_type", "path_type"}


def check(kind: type[T], node: Node, *, base: KeyPath) -> T:
    """The tree as a `kind`; `base` is the tree's path in its file. Raises `MisconfiguredError` with all problems."""
    try:
        return _validate(kind, node)
    except ValidationError as error:
        texts = _texts_of_variables(error, node)
        first = error
    if texts:
        try:
            return _validate(kind, node, as_text=texts)
        except ValidationError as error:
            first = error
    raise MisconfiguredError(*sentences(first, Checked(node=node, kind=kind, base=base)))


def _validate(kind: type[T], node: Node, *, as_text: frozenset[KeyPath] = frozenset()) -> T:
    # By way of JSON, because pydantic is strict about values there and not about containers: a list fits a tuple and a
    # word fits an enum, while "5" does not fit a number.
    adapter: TypeAdapter[T] = TypeAdapter(kind)
    return adapter.validate_json(json.dumps(plain(node, as_text=as_text)), strict=True)


def _texts_of_variables(error: ValidationError, node: Node) -> frozenset[KeyPath]:
    """The places where a variable's value was read as a number or the like, and a text was wanted."""
    paths = {place_of(node, details) for details in error.errors() if details["type"] in _TEXTS}
    return frozenset(path for path in paths if _is_of_variable(find(node, path)))


def _is_of_variable(node: Node | None) -> bool:
    return isinstance(node, Scalar) and node.place.is_variable and node.value is not None

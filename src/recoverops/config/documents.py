"""The separate files: `remediation-rules.yaml` with many items, directories such as `runbooks/` with one item a file.

Same checker, same sentences as for the configuration. Every item keeps its place, so that a later and deeper check (a
condition that does not compile, a rule that names no runbook) can say where.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, create_model

from recoverops.config.checking import check
from recoverops.config.document import explain, read_document
from recoverops.config.place import Key, Place
from recoverops.config.tree import Node, nearest
from recoverops.model import MisconfiguredError

M = TypeVar("M", bound=BaseModel)
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Located(Generic[M]):
    """A checked item, and where it stands."""

    value: M
    place: Place
    _node: Node = field(repr=False, compare=False)

    def at(self, *keys: Key) -> Place:
        """The place of a part of it, `at("steps", 0, "action")`; of the deepest part that is written out."""
        return nearest(self._node, keys).place


def load_documents(path: Path, cls: type[M], *, items: str | None = None) -> tuple[Located[M], ...]:
    """The items of a file, or of every .yaml and .yml file of a directory, in the order of their names.

    With `items="rules"` a file is `version: 1` and a list `rules:`; without, the whole file is one item.
    Raises one `MisconfiguredError` with the problems of all files.
    """
    found: list[Located[M]] = []
    problems: list[str] = []
    for file in _files(path):
        try:
            root = read_document(file)
            found.extend(_many(root, cls, items) if items else [_one(root, cls)])
        except MisconfiguredError as error:
            problems.extend(error.problems)
    if problems:
        raise MisconfiguredError(*problems)
    return tuple(found)


def _files(path: Path) -> tuple[Path, ...]:
    if not path.is_dir():
        return (path,)
    try:
        listed = sorted(path.iterdir())
    except OSError as error:
        raise MisconfiguredError(explain(path, error)) from error
    return tuple(file for file in listed if file.suffix in SUFFIXES and not file.name.startswith("."))


def _one(root: Node, cls: type[M]) -> Located[M]:
    return Located(value=check(cls, root, base=()), place=root.place, _node=root)


def _many(root: Node, cls: type[M], items: str) -> list[Located[M]]:
    shape: dict[str, Any] = {"version": (Literal[1], ...), items: (tuple[cls, ...], ...)}  # type: ignore[valid-type]
    document = create_model("Document", __config__=ConfigDict(extra="forbid", frozen=True), **shape)
    values: tuple[M, ...] = getattr(check(document, root, base=()), items)
    nodes = [nearest(root, (items, position)) for position in range(len(values))]
    return [Located(value=value, place=node.place, _node=node) for value, node in zip(values, nodes, strict=True)]

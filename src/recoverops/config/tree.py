"""A document after reading: scalars, lists and mappings, each with its place. Frozen; changes make a new tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from recoverops.config.place import KeyPath, Place
from recoverops.config.scalars import Plain, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    place: Place
    text: str
    value: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    place: Place
    entries: Mapping[str, Node]


Node = Scalar | Items | Keys


def unquoted(text: str, place: Place) -> Scalar:
    return Scalar(place=place, text=text, value=resolve(text))


def find(node: Node, path: KeyPath) -> Node | None:
    """The node at the path below `node`; None when there is none."""
    for key in path:
        if isinstance(node, Keys) and isinstance(key, str) and key in node.entries:
            node = node.entries[key]
        elif isinstance(node, Items) and isinstance(key, int) and key < len(node.items):
            node = node.items[key]
        else:
            return None
    return node


def nearest(node: Node, path: KeyPath) -> Node:
    """The deepest node on the way to `path`: where something that is missing would have to be added."""
    while (found := find(node, path)) is None:
        path = path[:-1]
    return found


def put(node: Node, path: KeyPath, new: Node) -> Node:
    """The tree with `new` at the path. Mappings on the way are made; a scalar on the way gives way to one.

    Raises KeyError with the path of a list that has no such position.
    """
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(node, Items):
        if not isinstance(key, int) or key >= len(node.items):
            raise KeyError(key)
        items = list(node.items)
        items[key] = put(items[key], rest, new)
        return replace(node, items=tuple(items))
    entries = node.entries if isinstance(node, Keys) else {}
    name = str(key)
    below = put(entries.get(name, Keys(place=new.place, entries={})), rest, new)
    return Keys(place=node.place, entries={**entries, name: below})


def texts(node: Node) -> Iterator[str]:
    """Every scalar as it was written."""
    if isinstance(node, Scalar):
        yield node.text
        return
    for below in node.items if isinstance(node, Items) else node.entries.values():
        yield from texts(below)


def plain(node: Node, *, as_text: frozenset[KeyPath] = frozenset(), path: KeyPath = ()) -> object:
    """The tree as lists, dicts and scalars. Scalars at the paths in `as_text` are taken as they were written."""
    if isinstance(node, Scalar):
        return node.text if path in as_text else node.value
    if isinstance(node, Items):
        return [plain(item, as_text=as_text, path=(*path, at)) for at, item in enumerate(node.items)]
    return {key: plain(value, as_text=as_text, path=(*path, key)) for key, value in node.entries.items()}

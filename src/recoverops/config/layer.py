"""Named defaults beneath the file: what neither the file nor a variable says is taken from here, unchecked as yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recoverops.config.expectation import in_yaml
from recoverops.config.place import KeyPath, Place, written
from recoverops.config.tree import Items, Keys, Node, Scalar

Given = str | int | float | bool | Sequence["Given"] | Mapping[str, "Given"]
"""A value as a document would hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    node: Node
    taken: tuple[str, ...]
    """What came from the layer, as a document would say it: `decision.mode: ask`."""
    overruled: tuple[str, ...]
    """What the layer says and something stronger says, too."""


def fill(node: Node, layer: Given, *, source: str) -> Filled:
    """The tree with everything that only the layer says. A list is taken as a whole or not at all."""
    taken: list[str] = []
    overruled: list[str] = []
    return Filled(
        node=_filled(node, _node(layer, Place(source=source)), (), taken, overruled),
        taken=tuple(taken),
        overruled=tuple(overruled),
    )


def _filled(node: Node | None, layer: Node, path: KeyPath, taken: list[str], overruled: list[str]) -> Node:
    if isinstance(layer, Keys) and (node is None or _is_empty(node) or isinstance(node, Keys)):
        known = node.entries if isinstance(node, Keys) else {}
        place = node.place if node is not None else layer.place
        below = {
            key: _filled(known.get(key), value, (*path, key), taken, overruled) for key, value in layer.entries.items()
        }
        return Keys(place=place, entries={**known, **below})
    if node is None:
        taken.append(_told(path, layer))
        return layer
    overruled.append(written(path))
    return node


def _is_empty(node: Node) -> bool:
    """A section that is written and holds nothing counts as absent."""
    return isinstance(node, Scalar) and node.value is None


def _node(value: Given, place: Place) -> Node:
    if isinstance(value, Mapping):
        return Keys(place=place, entries={key: _node(below, place) for key, below in value.items()})
    if isinstance(value, str | bool | int | float):
        return Scalar(place=place, text=value if isinstance(value, str) else in_yaml(value) or "", value=value)
    return Items(place=place, items=tuple(_node(below, place) for below in value))


def _told(path: KeyPath, node: Node) -> str:
    value = (
        in_yaml(node.value)
        if isinstance(node, Scalar)
        else f"{len(node.items)} entries"
        if isinstance(node, Items)
        else ""
    )
    return f"{written(path)}: {value}"

"""What a settings class allows at a path: its types with bounds, its keys, its variables. Reads types, never values."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from recoverops.config.place import Key, KeyPath, variable_of

_DEEPEST = 5
"""Levels of nested settings that are looked through for variables; ends classes that contain themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One type that a place may hold. A union is several shapes."""

    kind: Any
    """A class, or a generic such as `tuple[int, ...]`, without `Annotated` and without union."""
    bounds: tuple[object, ...] = ()
    """The metadata: `Ge(0)`, a pattern, ..."""
    default: object = PydanticUndefined
    examples: tuple[object, ...] = ()

    @property
    def model(self) -> type[BaseModel] | None:
        return self.kind if isinstance(self.kind, type) and issubclass(self.kind, BaseModel) else None


def shapes(kind: Any, *, bounds: tuple[object, ...] = (), field: FieldInfo | None = None) -> tuple[Shape, ...]:
    """The single shapes of a type: annotations unwrapped, unions taken apart, None left out unless it stands alone."""
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        inside = [part for meta in more for part in (meta.metadata if isinstance(meta, FieldInfo) else [meta])]
        return shapes(inner, bounds=(*bounds, *inside), field=field)
    if get_origin(kind) in (Union, types.UnionType):
        members = [member for member in get_args(kind) if member is not type(None)]
        return tuple(shape for member in members for shape in shapes(member, bounds=bounds, field=field))
    if field is None:
        return (Shape(kind=kind, bounds=bounds),)
    return (Shape(kind=kind, bounds=bounds, default=field.default, examples=tuple(field.examples or ())),)


def shapes_at(kind: Any, path: KeyPath) -> tuple[Shape, ...]:
    """What may stand at the path; empty when the type has nothing there or leaves it open."""
    found = shapes(kind)
    for key in path:
        found = tuple(below for shape in found for below in _below(shape, key))
    return found


def _below(shape: Shape, key: Key) -> tuple[Shape, ...]:
    if shape.model is not None:
        field = fields_of(shape.model).get(str(key))
        return () if field is None else shapes(field.annotation, bounds=tuple(field.metadata), field=field)
    origin, arguments = get_origin(shape.kind), get_args(shape.kind)
    if not isinstance(origin, type) or not arguments:
        return ()
    if issubclass(origin, Mapping):
        return shapes(arguments[1])
    if origin is tuple and isinstance(key, int) and Ellipsis not in arguments:
        return shapes(arguments[key]) if key < len(arguments) else ()
    return shapes(arguments[0])


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by the key under which a document writes them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def known_keys(found: tuple[Shape, ...]) -> tuple[str, ...]:
    """The keys that these shapes have, in the order of their classes."""
    keys = (key for shape in found if shape.model is not None for key in fields_of(shape.model))
    return tuple(dict.fromkeys(keys))


def variables_of(kind: Any, path: KeyPath) -> tuple[str, ...]:
    """The environment variables for the value at the path and for everything below it."""
    return tuple(_walk(kind, path, _DEEPEST))


def _walk(kind: Any, path: KeyPath, levels: int) -> Iterator[str]:
    yield variable_of(path)
    if levels == 0:
        return
    for shape in shapes(kind):
        if shape.model is not None:
            for key, field in fields_of(shape.model).items():
                yield from _walk(field.annotation, (*path, key), levels - 1)

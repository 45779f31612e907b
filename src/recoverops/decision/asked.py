"""What a compiled condition asks about: fields of `resource`, and texts that a variable is compared with. Pure.

CEL hands out a compiled expression only in protobuf's wire format (`cel.expr.CheckedExpr`), so the few messages that
are needed are read here: https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recoverops.model import Record

_IDENT, _SELECT, _CALL, _LIST, _CONST, _COMPREHENSION = 4, 5, 6, 7, 3, 9
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EQUALITY = frozenset({"_==_", "_!=_"})
Fields = dict[int, list[Any]]


class Comparison(Record, frozen=True, kw_only=True):
    """`subject == "text"`, `!=`, or `in` a list with that text."""

    subject: str
    """`kind`, or `resource.name`"""
    text: str


class Asked(Record, frozen=True, kw_only=True):
    fields: tuple[str, ...]
    """Of `resource`, by a name that is written out."""
    comparisons: tuple[Comparison, ...]


def asked(compiled: Any) -> Asked:
    """`compiled` is a checked expression of cel-expr-python."""
    checked = _fields(_fields(compiled.serialize())[2][0])
    nodes = list(_nodes(checked[4][0], frozenset()))
    subjects = [subject for one, hidden in nodes if (subject := _subject(one, hidden)) is not None]
    return Asked(
        fields=tuple(dict.fromkeys(one.partition(".")[2] for one in subjects if one.startswith("resource."))),
        comparisons=tuple(dict.fromkeys(found for one, hidden in nodes for found in _comparisons(one, hidden))),
    )


def _nodes(raw: bytes, hidden: frozenset[str]) -> Iterator[tuple[Fields, frozenset[str]]]:
    """Every expression in this one, with the names that a macro such as `exists` has given another meaning there."""
    node = _fields(raw)
    yield node, hidden
    for kind, parts in ((_SELECT, (1,)), (_CALL, (1, 3)), (_LIST, (1,)), (_COMPREHENSION, (2, 4, 5, 6, 7))):
        for inner in node.get(kind, ()):
            found = _fields(inner)
            inside = hidden | {_text(found, 1), _text(found, 3)} if kind == _COMPREHENSION else hidden
            for part in parts:
                for below in found.get(part, ()):
                    yield from _nodes(below, inside)


def _subject(node: Fields, hidden: frozenset[str]) -> str | None:
    """`kind`, `resource.name`; None for every other expression."""
    if _IDENT in node:
        name = _text(_fields(node[_IDENT][0]), 1)
        return None if name in hidden else name
    if _SELECT in node:
        select = _fields(node[_SELECT][0])
        return _of(select[1][0], _text(select, 2), hidden)
    if _CALL in node:
        call = _fields(node[_CALL][0])
        if _text(call, 2) == "_[_]" and (key := _literal(_fields(call[3][1]))) is not None:
            return _of(call[3][0], key, hidden)
    return None


def _of(operand: bytes, field: str, hidden: frozenset[str]) -> str | None:
    inner = _subject(_fields(operand), hidden)
    return None if inner is None else f"{inner}.{field}"


def _comparisons(node: Fields, hidden: frozenset[str]) -> Iterator[Comparison]:
    if _CALL not in node:
        return
    call = _fields(node[_CALL][0])
    function, arguments = _text(call, 2), [_fields(one) for one in call.get(3, ())]
    if function in _EQUALITY:
        for one, other in (arguments, arguments[::-1]):
            subject, text = _subject(one, hidden), _literal(other)
            if subject is not None and text is not None:
                yield Comparison(subject=subject, text=text)
    elif function == "@in" and _LIST in arguments[1]:
        subject = _subject(arguments[0], hidden)
        for element in _fields(arguments[1][_LIST][0]).get(1, ()):
            text = _literal(_fields(element))
            if subject is not None and text is not None:
                yield Comparison(subject=subject, text=text)


def _literal(node: Fields) -> str | None:
    """The text of a constant; the empty text is written as such too."""
    if _CONST not in node:
        return None
    constant = _fields(node[_CONST][0])
    return _text(constant, 6) if 6 in constant else None


def _text(fields: Fields, number: int) -> str:
    return str(fields[number][0], "utf-8") if number in fields else ""


def _fields(raw: bytes) -> Fields:
    """The fields of one message by their numbers: integers, and bytes for texts and messages."""
    found: Fields = {}
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        number, form = key >> 3, key & 7
        value: int | bytes
        if form == _VARINT:
            value, at = _varint(raw, at)
        else:
            size, at = _varint(raw, at) if form == _BYTES else ({_FIXED64: 8, _FIXED32: 4}[form], at)
            value, at = raw[at : at + size], at + size
        found.setdefault(number, []).append(value)
    return found


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = raw[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at

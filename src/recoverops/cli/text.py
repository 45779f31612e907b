"""What people type, as text that can be stored and shown. Every command is made with it, so no option is forgotten.

A terminal that is not UTF-8 sends other bytes than ours; Python hands them over as halves of surrogates, which no file
and no database takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand


def cleaned(text: str) -> str:
    """The same text; bytes that are no UTF-8 become the sign for what could not be read."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class TextCommand(TyperCommand):
    """Texts are cleaned; paths are not, because a file may be called so."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        ctx.params.update({name: _cleaned(value) for name, value in ctx.params.items()})
        return rest


def _cleaned(value: Any) -> Any:
    if type(value) is str:
        return cleaned(value)
    if type(value) in {list, tuple}:
        return type(value)(_cleaned(one) for one in value)
    return value


class Commands(typer.Typer):
    """A group of commands, each a `TextCommand`."""

    def command(self, name: str | None = None, **more: Any) -> Callable[[Any], Any]:
        return super().command(name, cls=TextCommand, **more)

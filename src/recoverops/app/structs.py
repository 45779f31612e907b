"""Makes msgspec ready to read every record before there is a second thread.

msgspec works out a class when it is first used, and lets other threads see the half-finished answer meanwhile: two that
are first at the same time end the interpreter with a segmentation fault (msgspec 0.22, seen in the lab and in
`tests/unit/app/test_structs.py`). So it is done once, when the engine starts, and again when modules come in later.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


def prepare_structs() -> int:
    """How many classes are ready. A class that msgspec cannot read at all is left out: nobody reads it."""
    ready = 0
    for cls in set(_below(msgspec.Struct)):
        try:
            msgspec.json.Decoder(cls)
        except (TypeError, NameError):
            continue
        ready += 1
    return ready


def _below(cls: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in cls.__subclasses__():
        yield one
        yield from _below(one)

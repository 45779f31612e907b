"""What a scene is: one service on its own resource of the double, and the hands and eyes of the tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_NUMBERS = itertools.count(1)


@dataclass(kw_only=True)
class Scene:
    """One service on its own resource, and the hands and eyes of the kit."""

    address: str
    """exact"""
    by_tags: str | None
    """the same by its tags; None where AWS has none"""
    break_it: Callable[[], object]
    snapshot: Callable[[], object]
    tamper: Callable[[], object]
    arguments: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    """of the plugin, that it needs"""


def unique_tags() -> dict[str, str]:
    return {"service": f"checkout-{next(_NUMBERS)}", "env": "test"}


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]

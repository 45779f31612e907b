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
    """Of the plugin, beside those of every scene."""
    is_bound_by_tags: bool = True
    """Whether the policy itself refuses a resource without the demanded tags. Where it cannot, the role that the
    effect is made with has to."""


def unique_tags() -> dict[str, str]:
    return {"service": f"checkout-{next(_NUMBERS)}", "env": "test"}


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]

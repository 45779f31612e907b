"""Three well-known variables that may only tighten what the configuration says (safety rule 8).

They exist so that somebody without access to the configuration, such as a deployment or a person in a hurry, can make
RecoverOps more careful. A value that would make it less careful is ignored with a warning, never obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from recoverops.config.expectation import in_yaml
from recoverops.config.place import Place, short
from recoverops.config.scalars import resolve
from recoverops.config.tree import Scalar
from recoverops.model import format_duration

SECTION = "decision"
_LONGEST_COOLDOWN_MINUTES = 366 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    variable: str
    key: str
    """The key of the section `decision` that it tightens."""
    expected: str
    read: Callable[[str], Any]
    """The value, or None when the text is not what is expected."""
    is_tighter: Callable[[Any, Any], bool]
    """(of the variable, of the configuration); never asked for equal values"""


@dataclass(slots=True, kw_only=True)
class Tightening:
    """What the switches do to the section."""

    overrides: dict[str, Scalar] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def _whole_number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _minutes(text: str) -> timedelta | None:
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,3})?", text) or float(text) > _LONGEST_COOLDOWN_MINUTES:
        return None
    return timedelta(minutes=float(text))


def _true_or_false(text: str) -> bool | None:
    value = resolve(text)
    return value if isinstance(value, bool) else None


SWITCHES = (
    Switch(
        variable="MAX_ACTIONS_PER_HOUR",
        key="max_actions_per_hour",
        expected="a whole number of 0 or more; set e.g. MAX_ACTIONS_PER_HOUR=10",
        read=_whole_number,
        is_tighter=lambda outside, inside: outside < inside,
    ),
    Switch(
        variable="COOLDOWN_MINUTES",
        key="cooldown",
        expected="a number of minutes from 0 to a year; set e.g. COOLDOWN_MINUTES=5",
        read=_minutes,
        is_tighter=lambda outside, inside: outside > inside,
    ),
    Switch(
        variable="REQUIRE_APPROVAL",
        key="require_approval",
        expected="true or false; set e.g. REQUIRE_APPROVAL=true",
        read=_true_or_false,
        is_tighter=lambda outside, _: bool(outside),
    ),
)


def tighten(section: BaseModel | None, environment: Mapping[str, str]) -> Tightening:
    """What the switches in the environment change in the checked section; None when the section has problems."""
    result = Tightening()
    for switch in SWITCHES:
        text = environment.get(switch.variable, "").strip()
        if not text:
            continue
        outside = switch.read(text)
        if outside is None:
            result.problems.append(f'{switch.variable} is "{short(text)}", expected {switch.expected}')
        elif section is not None:
            _apply(switch, outside, getattr(section, switch.key, None), result)
    return result


def _apply(switch: Switch, outside: Any, inside: Any, result: Tightening) -> None:
    if outside == inside:
        return
    if inside is None or switch.is_tighter(outside, inside):
        value = format_duration(outside) if isinstance(outside, timedelta) else outside
        place = Place(source=switch.variable, is_variable=True)
        result.overrides[switch.key] = Scalar(place=place, text=in_yaml(value) or "", value=value)
        return
    setting = f"{SECTION}.{switch.key}"
    result.warnings.append(
        f"{switch.variable} is {in_yaml(outside)}, which is looser than {setting}: {in_yaml(inside)}, and was ignored, "
        f"because a variable may only tighten; to loosen it, change {setting} in the configuration"
    )

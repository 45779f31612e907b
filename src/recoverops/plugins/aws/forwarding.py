"""How a listener or a rule shares its requests between two target groups. Pure.

A text such as `blue/0a1b=90 green/2c3d=10 sticky=off` is the whole of it, so equal texts are equal configurations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recoverops.model import PermanentError, Record


class Forward(Record, frozen=True, kw_only=True):
    weights: Mapping[str, int]
    """`name/id` of a target group -> its weight"""
    sticky_s: int | None
    """how long a client stays with its target group; None: not at all"""

    @property
    def told(self) -> str:
        shares = " ".join(f"{one}={weight}" for one, weight in sorted(self.weights.items()))
        return f"{shares} sticky={self.sticky_s or 'off'}"


def forward_of(what: str, actions: Sequence[Mapping[str, Any]]) -> Forward:
    """Raises `PermanentError` for anything but one forward to two target groups."""
    kinds = ", ".join(str(one.get("Type")) for one in actions)
    config = actions[0].get("ForwardConfig", {}) if [one.get("Type") for one in actions] == ["forward"] else {}
    groups = config.get("TargetGroups", ())
    if len(groups) != 2:
        raise PermanentError(
            f"{what} does not forward to two target groups and nothing else (it has {kinds or 'no action'} with "
            f"{len(groups)} groups); only between two are weights shifted"
        )
    sticky = config.get("TargetGroupStickinessConfig") or {}
    return Forward(
        weights={one["TargetGroupArn"].partition("targetgroup/")[2]: one.get("Weight", 1) for one in groups},
        sticky_s=sticky.get("DurationSeconds") if sticky.get("Enabled") else None,
    )


def shifted(what: str, now: Forward, *, to: str, percent: int) -> Forward:
    """With `percent` of the requests for the target group named `to`. Raises `PermanentError`."""
    fitting = [one for one in now.weights if one.partition("/")[0] == to]
    if len(fitting) != 1:
        names = ", ".join(sorted(one.partition("/")[0] for one in now.weights))
        raise PermanentError(f"{what} does not forward to a target group {to}; it does to {names}")
    weights = {one: percent if one == fitting[0] else 100 - percent for one in now.weights}
    goal = Forward(weights=weights, sticky_s=now.sticky_s)
    if goal.told == now.told:
        raise PermanentError(f"nothing to shift: {what} is {now.told} already")
    return goal


def gaining(now: Forward, goal: Forward) -> str:
    """`name/id` of the target group that gets more than before."""
    total = sum(now.weights.values()) or 1
    return max(goal.weights, key=lambda one: goal.weights[one] / 100 - now.weights[one] / total)


def parsed(told: str) -> Forward:
    """Of `Forward.told`."""
    *shares, sticky = told.split(" ")
    weights = {one: int(weight) for one, _, weight in (share.partition("=") for share in shares)}
    word = sticky.removeprefix("sticky=")
    return Forward(weights=weights, sticky_s=None if word == "off" else int(word))


def actions_of(forward: Forward, prefix: str) -> list[dict[str, Any]]:
    """The parameter of the API. `prefix` is the ARN of target groups up to `targetgroup/`."""
    sticky: dict[str, Any] = {"Enabled": forward.sticky_s is not None}
    if forward.sticky_s is not None:
        sticky["DurationSeconds"] = forward.sticky_s
    groups = [{"TargetGroupArn": f"{prefix}{one}", "Weight": forward.weights[one]} for one in sorted(forward.weights)]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}}]

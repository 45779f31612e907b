"""Every action of ours says what a person's yes is for: a proxy that demands it of each plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from recoverops.model import Plan, Service
from recoverops.ports import Action


class _Aimed:
    def __init__(self, action: Action) -> None:
        self._action = action

    def __getattr__(self, name: str) -> Any:
        return getattr(self._action, name)

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        plan = self._action.plan(service, arguments)
        assert plan.aim, f"{plan.action} does not say what it chose"
        return plan


def aimed(action: Action) -> Action:
    return cast(Action, _Aimed(action))

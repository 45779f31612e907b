"""One action for services that are kept running by different programs: the service's address says by which.

`assembly` makes one when both supervisor and systemd are in use, so that a runbook says `restart-service` for either.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from recoverops.model import Execution, MisconfiguredError, Plan, ProbeResult, Service
from recoverops.plugins.linux.answers import ask, failed
from recoverops.ports import Action, Permission


class ByAddress:
    """Implements `ports.Action`. All of them share name, class and parameters."""

    def __init__(self, choices: Mapping[str, Action]) -> None:
        """`choices`: the key of the address -> the action."""
        self._choices = choices
        first = next(iter(choices.values()))
        self.name = first.name
        self.summary = " ".join(one.summary for one in choices.values())
        self.effect = first.effect
        self.parameters = first.parameters
        self.timeout: timedelta = max(one.timeout for one in choices.values())
        self.permissions: tuple[Permission, ...] = tuple(
            dict.fromkeys(permission for one in choices.values() for permission in one.permissions)
        )

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        plan = self._of(service).plan(service, arguments)
        return msgspec.structs.replace(plan, timeout_s=self.timeout.total_seconds())

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._of(service).probe(plan, service))

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        try:
            chosen = self._of(service)
        except MisconfiguredError as error:
            return failed(f"nothing was done: {error}")
        return chosen.execute(plan, service, idempotency_key=idempotency_key)

    def _of(self, service: Service) -> Action:
        known = [key for key in self._choices if key in service.address]
        if len(known) == 1:
            return self._choices[known[0]]
        wanted = " or ".join(f'"{key}"' for key in self._choices)
        has = "both" if known else "neither"
        raise MisconfiguredError(f'service "{service.name}" has {has} of the addresses {wanted}; give it one of them')

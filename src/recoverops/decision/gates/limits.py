"""How often, and not two at once: cooldown, rate and lock. The windows roll, in UTC, and survive restarts."""

from __future__ import annotations

from datetime import timedelta

from recoverops.decision.facts import Facts
from recoverops.decision.gates.answers import passed, refused, waits
from recoverops.model import GateName, GateVerdict, Reason

LOCK_RETRY = timedelta(seconds=5)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def cooldown(facts: Facts) -> GateVerdict:
    gate = GateName.COOLDOWN
    demanded = max(facts.settings.cooldown, facts.rule.cooldown or timedelta(0))
    last = facts.usage.last_on_target
    if last is None:
        return passed(gate, f"no action on {facts.plan.target} yet")
    if facts.now < last + demanded:
        return waits(
            gate,
            Reason.COOLING_DOWN,
            f"the last action on {facts.plan.target} was at {last:%H:%M:%S} UTC, the next may be at "
            f"{last + demanded:%H:%M:%S} UTC (cooldown {demanded.total_seconds():g} s)",
            retry_at=last + demanded,
        )
    return passed(gate, f"the last action on {facts.plan.target} was at {last:%Y-%m-%d %H:%M:%S} UTC")


def rate(facts: Facts) -> GateVerdict:
    gate, usage, settings = GateName.RATE, facts.usage, facts.settings
    if usage.in_last_hour >= settings.max_actions_per_hour:
        free = f"; the next is free at {usage.oldest_in_hour + HOUR:%H:%M:%S} UTC" if usage.oldest_in_hour else ""
        return refused(
            gate,
            Reason.RATE_HOUR_SPENT,
            f"{usage.in_last_hour} of {settings.max_actions_per_hour} actions in the last hour{free}",
        )
    if usage.in_last_day >= settings.max_actions_per_day:
        free = f"; the next is free at {usage.oldest_in_day + DAY:%Y-%m-%d %H:%M:%S} UTC" if usage.oldest_in_day else ""
        return refused(
            gate,
            Reason.RATE_DAY_SPENT,
            f"{usage.in_last_day} of {settings.max_actions_per_day} actions in the last day{free}",
        )
    return passed(
        gate,
        f"{usage.in_last_hour} of {settings.max_actions_per_hour} actions in the last hour, "
        f"{usage.in_last_day} of {settings.max_actions_per_day} in the last day",
    )


def lock(facts: Facts) -> GateVerdict:
    gate = GateName.LOCK
    held = [str(resource) for resource in facts.felt if str(resource) in facts.usage.targets_in_flight]
    if facts.usage.locked_by is None and not held:
        return passed(gate, f"nobody works on {', '.join(map(str, facts.felt))}")
    told = f"{facts.plan.target} is being worked on by run {facts.usage.locked_by}"
    if facts.usage.locked_by is None:
        told = f"{', '.join(held)} is being worked on by another run"
    return waits(gate, Reason.TARGET_LOCKED, told, retry_at=facts.now + LOCK_RETRY)

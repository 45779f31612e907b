"""How often, and not two at once: cooldown, rate and lock. The windows roll, in UTC, and survive restarts."""

from __future__ import annotations

from datetime import timedelta

from recoverops.decision.facts import Facts
from recoverops.decision.gates.answers import passed, refused, waits
from recoverops.model import GateName, GateVerdict, Reason

LOCK_RETRY = timedelta(seconds=5)


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
    of_hour, of_day = settings.max_actions_per_hour, settings.max_actions_per_day
    in_hour = f"{usage.in_last_hour} of {of_hour} actions in the last hour"
    is_hour_spent, is_day_spent = usage.in_last_hour >= of_hour, usage.in_last_day >= of_day
    if not is_hour_spent and not is_day_spent:
        return passed(gate, f"{in_hour}, {usage.in_last_day} of {of_day} in the last day")
    in_day = f"{usage.in_last_day} of {of_day} actions in the last day"
    spent = " and ".join(told for told, is_spent in ((in_hour, is_hour_spent), (in_day, is_day_spent)) if is_spent)
    reason = Reason.RATE_HOUR_SPENT if is_hour_spent else Reason.RATE_DAY_SPENT
    return refused(gate, reason, f"{spent}; {_next_free(facts)}")


def _next_free(facts: Facts) -> str:
    """Of both windows the one that frees later, as an action needs room in both."""
    for most, name in ((facts.settings.max_actions_per_hour, "hour"), (facts.settings.max_actions_per_day, "day")):
        if most == 0:
            return f"none is ever allowed (decision.max_actions_per_{name} is 0)"
    free = max((at for at in (facts.hour_free_at, facts.day_free_at) if at is not None), default=facts.now)
    return f"the next is free at {free:{'%H:%M:%S' if free.date() == facts.now.date() else '%Y-%m-%d %H:%M:%S'}} UTC"


def lock(facts: Facts) -> GateVerdict:
    gate = GateName.LOCK
    held = [str(resource) for resource in facts.felt if str(resource) in facts.usage.targets_in_flight]
    if facts.usage.locked_by is None and not held:
        return passed(gate, f"nobody works on {', '.join(map(str, facts.felt))}")
    told = f"{facts.plan.target} is being worked on by run {facts.usage.locked_by}"
    if facts.usage.locked_by is None:
        told = f"{', '.join(held)} is being worked on by another run"
    return waits(gate, Reason.TARGET_LOCKED, told, retry_at=facts.now + LOCK_RETRY)

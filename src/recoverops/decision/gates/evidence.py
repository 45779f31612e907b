"""Whether the trouble is real, recent and still there: freshness and hold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from recoverops.decision.facts import Facts
from recoverops.decision.gates.answers import passed, waits
from recoverops.model import Condition, GateName, GateVerdict, Reason, is_forecast_series

RETRY = timedelta(seconds=2)
"""How soon to look again when evidence is stale or the trouble seems gone: about two probes."""


def evidence_fresh(facts: Facts) -> GateVerdict:
    gate = GateName.EVIDENCE_FRESH
    if facts.incident.request is not None:
        return passed(gate, f"{facts.incident.request.by} asked for it")
    at_fault = [one for one in facts.conditions if one.series in facts.incident.series]
    if any(one.sticky and one.is_bad for one in at_fault):
        return passed(gate, "an alert is firing; its sender reports the end of it")
    ages = [facts.now - one.last_at for one in at_fault if not one.sticky]
    if not ages or min(ages) > facts.settings.evidence_max_age:
        told = f"the newest is {min(ages).total_seconds():.0f} s old" if ages else "there is none since the start"
        return waits(
            gate,
            Reason.EVIDENCE_STALE,
            f"no evidence newer than {facts.settings.evidence_max_age.total_seconds():.0f} s: {told}",
            retry_at=facts.now + RETRY,
        )
    return passed(gate, f"the newest evidence is {min(ages).total_seconds():.1f} s old")


def hold(facts: Facts) -> GateVerdict:
    gate = GateName.HOLD
    if facts.incident.request is not None:
        return passed(gate, f"{facts.incident.request.by} asked for it now")
    at_fault = [one for one in facts.conditions if one.series in facts.incident.series]
    firing = [one for one in at_fault if one.is_bad and facts.is_fresh(one)]
    if not firing:
        return waits(gate, Reason.NOT_FIRING, "no series at fault is abnormal now", retry_at=facts.now + RETRY)
    until = _since(facts, firing) + facts.rule.hold
    if facts.now < until:
        return waits(
            gate,
            Reason.HOLDING,
            f"the rule waits {facts.rule.hold.total_seconds():g} s and acts only if it is still firing",
            retry_at=until,
        )
    longest = min(firing, key=lambda one: one.since)
    return passed(gate, f"still firing after the hold of {facts.rule.hold.total_seconds():g} s: {longest.statement}")


def _since(facts: Facts, firing: Iterable[Condition]) -> datetime:
    """By the clock as it is now. What is still to come by it began before the clock was set back."""
    known = tuple(firing)
    since = _measured_since(facts, known)
    if since <= facts.now:
        return since
    return min((one.since for one in known if one.since <= facts.now), default=facts.now - facts.rule.hold)


def _measured_since(facts: Facts, firing: Iterable[Condition]) -> datetime:
    """Since when this trouble is there without a break. What no rule or another one was about does not use up the hold,
    nor does a forecast, nor what was there before it ended and came again; one series that fires all the time does."""
    incident = facts.incident
    began = max(incident.opened_at, incident.rule_since or incident.opened_at, *incident.onsets[-1:])
    there = (one for one in firing if not is_forecast_series(one.series))
    return max(began, min((_fires_since(facts, one, began) for one in there), default=began))


def _fires_since(facts: Facts, one: Condition, began: datetime) -> datetime:
    """What is measured is measured anew after each start: what has not been normal since then may have fired before it,
    which the incident alone tells. So it is with what is still to come by a sender's clock."""
    is_told = one.sticky or one.series in facts.been_normal
    is_foreseen = any(is_forecast_series(series) for series in facts.incident.series)
    return one.since if (is_told or is_foreseen) and one.since <= facts.now else began

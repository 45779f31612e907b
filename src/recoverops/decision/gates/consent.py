"""Who has to agree: autonomy and approval."""

from __future__ import annotations

from recoverops.decision.facts import Facts
from recoverops.decision.gates.answers import passed, refused
from recoverops.model import (
    Approval,
    ApprovalState,
    EffectClass,
    GateAnswer,
    GateName,
    GateVerdict,
    Mode,
    Reason,
    Severity,
    is_forecast_series,
)

_CARE = {Mode.OBSERVE: 0, Mode.ASK: 1, Mode.ACT: 2}


def effective_mode(facts: Facts) -> Mode:
    """The more careful of the general mode and the rule's own."""
    return min(facts.settings.mode, facts.rule.mode, key=_CARE.__getitem__)


def autonomy(facts: Facts) -> GateVerdict:
    gate, mode = GateName.AUTONOMY, effective_mode(facts)
    if facts.incident.request is not None:
        return passed(gate, f"{facts.incident.request.by} asked for it")
    told = f"decision.mode is {facts.settings.mode}, the rule's mode is {facts.rule.mode}"
    if mode is Mode.OBSERVE:
        return GateVerdict(gate=gate, answer=GateAnswer.OBSERVE, reason=Reason.OBSERVE_ONLY, statement=told)
    return passed(gate, told)


def approval(facts: Facts) -> GateVerdict:
    gate, why = GateName.APPROVAL, _why_ask(facts)
    if facts.approval is not None and facts.approval.state is ApprovalState.DENIED:
        return _denied(facts.approval)
    if why is None:
        return passed(gate, "no approval is needed: the rule may act, the effect is restorative or reversible")
    if facts.approval is None or facts.approval.state is ApprovalState.WITHDRAWN:
        return _ask(Reason.APPROVAL_NEEDED, why)
    return _answered(facts, facts.approval, why)


def _denied(given: Approval) -> GateVerdict:
    """A no is for the whole incident: for another plan too, and when nobody would have to agree any more."""
    note = f": {given.note}" if given.note else ""
    return refused(GateName.APPROVAL, Reason.DENIED, f"{given.decided_by} denied it{note}")


def _answered(facts: Facts, given: Approval, why: str) -> GateVerdict:
    gate = GateName.APPROVAL
    if given.state is ApprovalState.EXPIRED or facts.now >= given.expires_at:
        late = "the approval was not used" if given.state is ApprovalState.APPROVED else "nobody approved it"
        return refused(gate, Reason.APPROVAL_EXPIRED, f"{late} before {given.expires_at:%H:%M:%S} UTC")
    if given.plan_hash != facts.plan.hash:
        return _ask(Reason.PLAN_CHANGED, f"the plan is not the one that was asked about: {given.plan.summary}")
    if given.state is ApprovalState.PENDING:
        return _ask(Reason.APPROVAL_NEEDED, why)
    return passed(gate, f"approved by {given.decided_by}", Reason.APPROVED)


def _ask(reason: Reason, statement: str) -> GateVerdict:
    return GateVerdict(gate=GateName.APPROVAL, answer=GateAnswer.ASK, reason=reason, statement=statement)


def _why_ask(facts: Facts) -> str | None:
    if facts.plan.effect is EffectClass.IRREVERSIBLE:
        return f"{facts.plan.action} cannot be undone, so a person approves it, always"
    if facts.plan.always_asks:
        return f"{facts.plan.action} asks, always: {facts.plan.always_asks}"
    demanded = _demanded(facts)
    if demanded is not None or facts.incident.request is not None:
        return demanded
    if effective_mode(facts) is not Mode.ACT:
        return f"decision.mode is {facts.settings.mode} and the rule's mode is {facts.rule.mode}"
    return _why_careful(facts)


def _demanded(facts: Facts) -> str | None:
    """Why every action asks, one that a person asked for included."""
    if facts.settings.require_approval:
        return "decision.require_approval (or REQUIRE_APPROVAL) is set"
    return "; ".join(facts.demands) or None


def _why_careful(facts: Facts) -> str | None:
    """Why to ask even where the rule may act."""
    if facts.clock_step is not None:
        return f"{facts.clock_step}; the limits are windows of that clock, so people are asked for an hour"
    if _is_only_foreseen(facts):
        return "only a forecast says so; nothing that was measured is beyond its limit"
    if facts.settings.ask_when_critical:
        return _why_critical(facts)
    return None


def _why_critical(facts: Facts) -> str | None:
    """What is critical about its resource now counts as well, before it has joined this incident or opened another."""
    if facts.incident.severity is Severity.CRITICAL:
        return "the incident is critical (decision.ask_when_critical)"
    for one in facts.conditions:
        if one.severity is Severity.CRITICAL and one.is_bad and facts.is_fresh(one):
            return f"what is wrong with {one.resource} is critical (decision.ask_when_critical): {one.statement}"
    return None


def _is_only_foreseen(facts: Facts) -> bool:
    """Whether all that is bad now of the series at fault is what may come."""
    at_fault = [one.series for one in facts.conditions if one.series in facts.incident.series and one.is_bad]
    return bool(at_fault) and all(is_forecast_series(series) for series in at_fault)

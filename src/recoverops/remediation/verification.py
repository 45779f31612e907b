"""Did it help? Pure; called by the pipeline again and again until it answers something other than None.

Recovery needs evidence from after the action plus the lag, from every series asked, normal without a break for the
hold. Absence of evidence is `unknown`, never `recovered`. Whom to ask: our own measurements of the symptom where there
are any, else the alerts; an Alertmanager may tell of an end minutes late (its group_interval), so a firing alert does
not outweigh a measurement made after the action.

An alert is told of when it changes and never again. Many an action is known to have ended only seconds after it has
helped, so an alert's end counts from when the action *began*; the hold is counted from when it ended all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from recoverops.model import Condition, ConditionStatus, Incident, Record, Verdict, VerdictStatus, is_alert_series
from recoverops.remediation.runbook import VerifySettings

LARGEST_SLEW = timedelta(seconds=30)
"""What a clock may be behind the end of the action without having been set back."""


class _Span(Record, frozen=True, kw_only=True):
    """When the action was done, and from when on what is heard is of the world after it."""

    begun_at: datetime
    acted_at: datetime
    lag: timedelta

    @property
    def counts_from(self) -> datetime:
        return self.acted_at + self.lag

    def is_new(self, condition: Condition) -> bool:
        if condition.sticky:
            return condition.since >= self.begun_at + self.lag
        return condition.last_at > self.counts_from


def judge(
    incident: Incident,
    conditions: Iterable[Condition],
    *,
    begun_at: datetime,
    acted_at: datetime,
    now: datetime,
    verify: VerifySettings,
) -> Verdict | None:
    """None: too early to say. `conditions` are the newest of the incident's resource; the action began at `begun_at`,
    and at `acted_at` it was known to have ended."""
    if now < acted_at - LARGEST_SLEW:
        told = "the clock was set back while it was verified, so nobody can tell before from after"
        return Verdict(status=VerdictStatus.UNKNOWN, statement=told, at=now)
    span = _Span(begun_at=begun_at, acted_at=acted_at, lag=verify.lag)
    states = _asked(incident, conditions)
    if states and all(_has_recovered(one, span, now, verify) for one in states.values()):
        return Verdict(
            status=VerdictStatus.RECOVERED,
            statement=f"every series asked has been normal for {verify.hold.total_seconds():g} s after the action",
            at=now,
            evidence=tuple(one.statement for one in states.values() if one is not None),
        )
    if now < acted_at + verify.timeout:
        return None
    return _too_late(states, span, now, verify)


def next_look(
    incident: Incident,
    conditions: Iterable[Condition],
    *,
    acted_at: datetime,
    now: datetime,
    verify: VerifySettings,
    at_least: timedelta,
) -> timedelta:
    """How long from now no look can find more than this one did: until the hold may have been kept, or the timeout."""
    counts_from = acted_at + verify.lag
    states = _asked(incident, conditions)
    kept_at = now + verify.hold
    if states and all(one is not None and one.status is ConditionStatus.NORMAL for one in states.values()):
        kept_at = max(max(one.since, counts_from) for one in states.values() if one is not None) + verify.hold
    return max(at_least, min(kept_at, acted_at + verify.timeout) - now)


def _asked(incident: Incident, conditions: Iterable[Condition]) -> dict[str, Condition | None]:
    everything = tuple(conditions)
    symptoms = {incident.symptom, *(one.symptom for one in everything if one.series in incident.series)}
    known = {one.series: one for one in everything if one.symptom in symptoms}
    if incident.request is not None:
        return {one.series: one for one in everything if not one.sticky}
    measured = {name: one for name, one in known.items() if not one.sticky}
    ours = {name: known.get(name) for name in incident.series if not is_alert_series(name)}
    if measured or ours:
        return {**ours, **measured}
    return {name: known.get(name) for name in incident.series}


def _has_recovered(condition: Condition | None, span: _Span, now: datetime, verify: VerifySettings) -> bool:
    if condition is None or condition.status is not ConditionStatus.NORMAL or not span.is_new(condition):
        return False
    heard_until = now if condition.sticky else condition.last_at
    return heard_until - max(condition.since, span.counts_from) >= verify.hold


def _too_late(states: dict[str, Condition | None], span: _Span, now: datetime, verify: VerifySettings) -> Verdict:
    waited = f"within {verify.timeout.total_seconds():g} s"
    told_since = [one for one in states.values() if one is not None and (one.sticky or span.is_new(one))]
    still = [one for one in told_since if one.is_bad]
    if still:
        return Verdict(
            status=VerdictStatus.NO_EFFECT,
            statement=f"it did not help {waited}: {still[0].statement}",
            at=now,
            evidence=tuple(one.statement for one in still),
        )
    silent = [name for name, one in states.items() if one is None or not span.is_new(one)]
    told = f"nothing was heard of {', '.join(silent)} since the action" if silent else "it did not stay normal"
    return Verdict(status=VerdictStatus.UNKNOWN, statement=f"nobody can tell {waited}: {told}", at=now)

"""What is wrong, which rule applies, and what it would do: everything that a decision needs except permission.

Reads the world (the action's `plan` probes its target), changes nothing. It is not remembered: a segment that was cut
off before it decided looks again. When the store was away between the look and the decision, it is out of date.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from recoverops import incidents
from recoverops.decision import REQUESTED, Choice, ConditionFacts
from recoverops.diagnosis import diagnose
from recoverops.model import (
    Condition,
    ConflictError,
    Event,
    Hypothesis,
    Incident,
    IncidentKind,
    MisconfiguredError,
    PermanentError,
    Plan,
    Reason,
    Record,
    Resource,
    ResourceKind,
    RetryableError,
    RuleVerdict,
    RunRequest,
    Service,
)
from recoverops.pipeline.elsewhere import Diagnosis, ends_by_itself, in_work, told_apart
from recoverops.pipeline.parts import Parts
from recoverops.redact import redact

EVENTS_BEFORE = timedelta(hours=1)
"""How long before the onset a change is looked for."""
_MOST_EVENTS = 50


class Assessment(Record, frozen=True, kw_only=True):
    hypotheses: tuple[Hypothesis, ...]
    rules: tuple[RuleVerdict, ...]
    reason: Reason
    """OK when there is a plan; else why there is none."""
    statement: str
    may_come: bool = False
    """Whether waiting may change that: evidence or a metric is missing, a target did not answer."""
    rule: str | None = None
    runbook: str | None = None
    plan: Plan | None = None
    page: str = ""
    """Digest of the rules and runbooks that were asked; empty when a person asked for the run."""
    seen_at: datetime | None = None
    """When the world was looked at; after an outage that may be long ago. None only while it is put together."""

    @property
    def kind(self) -> IncidentKind:
        return self.hypotheses[0].cause if self.hypotheses else IncidentKind.UNKNOWN


def assess(parts: Parts, incident: Incident, *, now: datetime) -> Assessment:
    return msgspec.structs.replace(_look(parts.pinned(), incident, now=now), seen_at=now)


def rule_that_matches(parts: Parts, incident: Incident, *, now: datetime) -> str | None:
    """What `assess` would choose now; None also while something is missing. Looks at no target."""
    parts = parts.pinned()
    hypotheses = _diagnosis(parts, incident, now=now).own
    if _obstacle(parts, incident, hypotheses) is not None:
        return None
    rule = parts.rules.choose(_condition_facts(parts, incident, hypotheses, now)).rule
    return rule.name if rule is not None else None


def _look(parts: Parts, incident: Incident, *, now: datetime) -> Assessment:
    if incident.request is not None:
        return _requested(parts, incident, incident.request)
    diagnosis = _diagnosis(parts, incident, now=now)
    hypotheses = diagnosis.own
    obstacle = _obstacle(parts, incident, hypotheses)
    if obstacle is not None:
        return obstacle
    choice = parts.rules.choose(_condition_facts(parts, incident, hypotheses, now))
    if choice.rule is None:
        return _no_rule(parts, incident, choice, diagnosis, now=now)
    return msgspec.structs.replace(_plan(parts, incident, hypotheses, choice), page=parts.playbook.page.digest)


def _diagnosis(parts: Parts, incident: Incident, *, now: datetime) -> Diagnosis:
    conditions = parts.conditions.of_resource(incident.resource)
    found = diagnose(
        incident,
        conditions,
        now=now,
        max_age=parts.decision.evidence_max_age,
        samples=parts.conditions.samples_of(incident.resource),
        dependencies=_dependencies(parts, incident),
        events=_events(parts, incident),
    )
    return told_apart(incident, found, conditions)


def _obstacle(parts: Parts, incident: Incident, hypotheses: tuple[Hypothesis, ...]) -> Assessment | None:
    """Why the rules are not to be asked yet."""
    conditions = parts.conditions.of_resource(incident.resource)
    if not any(one.series in incident.series for one in conditions):
        return Assessment(
            hypotheses=hypotheses,
            rules=(),
            reason=Reason.EVIDENCE_STALE,
            statement="nothing has been heard of the series at fault since the start",
            may_come=True,
        )
    if hypotheses and hypotheses[0].resource != incident.resource:
        return Assessment(
            hypotheses=hypotheses,
            rules=(),
            reason=Reason.DEPENDENCY_AT_FAULT,
            statement=f"{hypotheses[0].resource}, which it needs, is in trouble; that is repaired there",
            may_come=True,
        )
    return None


def _dependencies(parts: Parts, incident: Incident) -> dict[Resource, tuple[Condition, ...]]:
    service = parts.inventory.find(incident.resource)
    needed = [parts.inventory.services[name] for name in (service.depends_on if service else ())]
    return {one.resource: parts.conditions.of_resource(one.resource) for one in needed}


def _events(parts: Parts, incident: Incident) -> tuple[Event, ...]:
    """What was changed about its resource in the hour before it began, and since; newest first."""
    since = incident.opened_at - EVENTS_BEFORE
    found = parts.store.read(lambda tx: tx.events.listed(resource=incident.resource, since=since, limit=_MOST_EVENTS))
    return tuple(one.event for one in found)


def _condition_facts(
    parts: Parts, incident: Incident, hypotheses: tuple[Hypothesis, ...], now: datetime
) -> ConditionFacts:
    best = hypotheses[0] if hypotheses else None
    service = parts.inventory.find(incident.resource)
    return ConditionFacts(
        kind=best.cause if best else IncidentKind.UNKNOWN,
        severity=incident.severity,
        confidence=best.confidence if best else 0.0,
        resource={
            "kind": incident.resource.kind,
            "name": incident.resource.name,
            "group": service.group if service else "",
        },
        symptom=incident.symptom,
        age_seconds=(now - incident.opened_at).total_seconds(),
        metrics=parts.conditions.metrics_of(incident.resource, since=now - parts.decision.evidence_max_age),
    )


def _no_rule(parts: Parts, incident: Incident, choice: Choice, diagnosis: Diagnosis, *, now: datetime) -> Assessment:
    hypotheses = diagnosis.own
    is_asked = not choice.is_unknown or incident.reason == Reason.ANOTHER_INCIDENT  # which a restart must not forget
    waits = _why_nobody_is_called(parts, incident, diagnosis, now=now) if is_asked else None
    if waits is not None:
        reason, statement = waits
    elif choice.is_unknown:
        unknown = next(verdict for verdict in choice.verdicts if verdict.answer == "unknown")
        reason, statement = Reason.RULE_UNKNOWN, f'rule "{unknown.rule}" cannot be judged: {unknown.statement}'
    elif incident.resource.kind is ResourceKind.SERVICE and parts.inventory.find(incident.resource) is None:
        reason, statement = Reason.TARGET_UNKNOWN, _unlisted(incident)
    elif not hypotheses:
        reason, statement = Reason.NO_HYPOTHESIS, "no cause is known for this symptom, and no rule asks for the symptom"
    else:
        reason, statement = Reason.NO_RULE_MATCHED, f"none of {len(choice.verdicts)} rules matched"
    return Assessment(
        hypotheses=hypotheses,
        rules=choice.verdicts,
        reason=reason,
        statement=statement,
        may_come=waits is not None or choice.is_unknown,
    )


def _why_nobody_is_called(
    parts: Parts, incident: Incident, diagnosis: Diagnosis, *, now: datetime
) -> tuple[Reason, str] | None:
    """It is not there at this moment, so its cause does not show; or nothing of its own was found, and another incident
    is worked on."""
    if not incidents.is_firing(incident, parts.conditions.of_resource(incident.resource)):
        return Reason.NOT_FIRING, "no series at fault is abnormal now"
    if diagnosis.own:
        return None
    told = in_work(parts, diagnosis, now=now)
    return (Reason.ANOTHER_INCIDENT, told) if told is not None else ends_by_itself(parts, incident, now=now)


def _requested(parts: Parts, incident: Incident, request: RunRequest) -> Assessment:
    found = Assessment(hypotheses=(), rules=(), reason=Reason.OK, statement="", rule=REQUESTED, runbook=request.runbook)
    if request.runbook not in parts.runbooks:
        return _failed(found, Reason.PLAN_FAILED, f'there is no runbook "{request.runbook}" any more')
    return _planned(parts, incident, found, request.runbook)


def _plan(parts: Parts, incident: Incident, hypotheses: tuple[Hypothesis, ...], choice: Choice) -> Assessment:
    assert choice.rule is not None
    found = Assessment(
        hypotheses=hypotheses,
        rules=choice.verdicts,
        reason=Reason.OK,
        statement="",
        rule=choice.rule.name,
        runbook=choice.rule.runbook,
    )
    return _planned(parts, incident, found, choice.rule.runbook)


def _planned(parts: Parts, incident: Incident, found: Assessment, runbook: str) -> Assessment:
    service = parts.inventory.find(incident.resource)
    if service is None:
        return _failed(found, Reason.TARGET_UNKNOWN, _unlisted(incident))
    try:
        plan = make_plan(parts, runbook, service)
    except RetryableError as error:
        return _failed(found, Reason.PLAN_FAILED, redact(str(error)), may_come=True)
    except (PermanentError, MisconfiguredError, ConflictError) as error:
        return _failed(found, Reason.PLAN_FAILED, redact(str(error)))
    return msgspec.structs.replace(found, statement=plan.summary, plan=plan)


def make_plan(parts: Parts, runbook_name: str, service: Service) -> Plan:
    """The plan of the runbook's action, aimed at this service of the inventory. Raises what the action raises."""
    runbook = parts.runbooks[runbook_name]
    action = parts.actions.get(runbook.action)
    if action is None:
        raise PermanentError(f'no plugin offers the action "{runbook.action}" now; see `recoverops plugins`')
    return action.plan(service, runbook.arguments)


def _unlisted(incident: Incident) -> str:
    return f"{incident.resource} is not in the inventory (services:)"


def _failed(found: Assessment, reason: Reason, statement: str, *, may_come: bool = False) -> Assessment:
    return Assessment(
        hypotheses=found.hypotheses,
        rules=found.rules,
        reason=reason,
        statement=statement,
        may_come=may_come,
        rule=found.rule,
        runbook=found.runbook,
    )

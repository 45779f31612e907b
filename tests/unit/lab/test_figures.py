"""The figures of a demo, from stored records alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from recoverops.lab import figures
from recoverops.lab.faults.crash import Crash
from recoverops.lab.figures import DemoResult, FalseAlarm, Kept, Station, Traffic, to_plain
from recoverops.lab.incident_view import IncidentView, RunView
from recoverops.lab.policy import deviations
from recoverops.lab.recovery import Recovery
from recoverops.model import (
    ActionRecord,
    Decision,
    DecisionId,
    DecisionMode,
    EffectClass,
    Evidence,
    Fingerprint,
    Hypothesis,
    Incident,
    IncidentId,
    IncidentKind,
    IncidentState,
    Outcome,
    OutcomeStatus,
    Plan,
    Reason,
    Resource,
    ResourceKind,
    RunId,
    RunRequest,
    RunState,
    Severity,
    TimelineEntry,
    Verdict,
    VerdictStatus,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
PAYMENTS = Resource(kind=ResourceKind.SERVICE, name="payments")
DEVIATIONS = deviations([IncidentKind.SERVICE_DOWN], has_small_disk=False)
OTHER = Resource(kind=ResourceKind.SERVICE, name="search")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def effect(
    *,
    intent_s: float,
    target: Resource = PAYMENTS,
    name: str = "restart-service",
    status: OutcomeStatus | None = OutcomeStatus.SUCCEEDED,
) -> ActionRecord:
    plan = Plan(
        action=name,
        effect=EffectClass.RESTORATIVE,
        target=target,
        arguments={},
        touches=(target,),
        summary="restart",
        timeout_s=10,
    )
    outcome = None if status is None else Outcome(status=status, statement="", at=at(intent_s + 0.5))
    return ActionRecord(
        key=f"run:{intent_s}",
        run_id=RunId("run"),
        step=1,
        plan=plan,
        intent_at=at(intent_s),
        not_after=at(intent_s + 60),
        outcome=outcome,
    )


def run(*actions: ActionRecord, verdict: VerdictStatus | None = VerdictStatus.RECOVERED) -> RunView:
    return RunView(
        id=RunId("run"),
        incident_id=IncidentId("inc"),
        decision_id=DecisionId("dec"),
        runbook="restart-service",
        runbook_digest="",
        plan=actions[0].plan,
        state=RunState.SUCCEEDED,
        requested_by="rule:restart-crashed-service",
        started_at=at(12),
        not_after=at(60),
        acted_at=at(13),
        verdict=None if verdict is None else Verdict(status=verdict, statement="", at=at(18)),
        actions=actions,
    )


def healed(
    *, opened_s: float = 11, resource: Resource = PAYMENTS, runs: tuple[RunView, ...] | None = None
) -> IncidentView:
    return IncidentView(
        incident=Incident(
            id=IncidentId("inc"),
            fingerprint=Fingerprint("f"),
            resource=resource,
            symptom="availability",
            severity=Severity.CRITICAL,
            state=IncidentState.RESOLVED,
            title="down",
            opened_at=at(opened_s),
            updated_at=at(18),
            resolved_at=at(18.25),
        ),
        hypotheses=(
            Hypothesis(
                cause=IncidentKind.SERVICE_DOWN,
                resource=resource,
                confidence=0.75,
                evidence=(Evidence(series="s", supports=True, statement="EXITED", at=at(10.4)),),
            ),
        ),
        decisions=(decision(11.5, DecisionMode.WAIT), decision(12, DecisionMode.ACT)),
        runs=(run(effect(intent_s=12.5)),) if runs is None else runs,
        timeline=(
            TimelineEntry(incident_id=IncidentId("inc"), at=at(11.25), event="diagnosed", actor="engine", text="down"),
        ),
    )


def decision(seconds: float, mode: DecisionMode) -> Decision:
    return Decision(
        id=DecisionId(f"d{seconds}"),
        incident_id=IncidentId("inc"),
        at=at(seconds),
        mode=mode,
        reason=Reason.OK,
        statement="",
    )


RECOVERY = Recovery(recovered_s=3.25, at=at(13.25), failed=60)


def test_a_healed_crash_has_all_its_figures() -> None:
    scenario = figures.scenario(Crash(), healed(), fault_at=at(10), recovery=RECOVERY, service_starts=2)

    assert scenario == figures.Scenario(
        fault="crash",
        detected_s=1.0,
        cause="service_down",
        cause_expected="service_down",
        runbook="restart-service",
        actions=("restart-service",),
        verified=True,
        recovered_s=3.25,
        resolved_s=8.25,
        service="payments",
        service_starts=2,
        failed_requests=60,
        statement="",
    )
    assert scenario.is_healed


@pytest.mark.parametrize("verdict", [VerdictStatus.RECOVERED, VerdictStatus.NO_EFFECT, None])
def test_a_remedy_that_was_asked_back_counts_with_its_own_verdict(verdict: VerdictStatus | None) -> None:
    back = healed(opened_s=20, runs=(run(effect(intent_s=20.5, name="shift-load"), verdict=verdict),))

    scenario = figures.scenario(
        Crash(), healed(), fault_at=at(10), recovery=RECOVERY, service_starts=0, statement="", back=back
    )

    assert scenario.actions == ("restart-service", "shift-load")
    assert (scenario.detected_s, scenario.runbook) == (1.0, "restart-service")
    assert scenario.verified is (verdict is VerdictStatus.RECOVERED)


def test_what_was_not_reached_has_no_figure() -> None:
    scenario = figures.scenario(Crash(), None, fault_at=at(10), recovery=None, service_starts=1)

    assert (scenario.detected_s, scenario.cause, scenario.runbook) == (None, None, None)
    assert (scenario.actions, scenario.recovered_s, scenario.resolved_s) == ((), None, None)
    assert not scenario.verified
    assert not scenario.is_healed


@pytest.mark.parametrize("verdict", [None, VerdictStatus.NO_EFFECT, VerdictStatus.UNKNOWN, VerdictStatus.WORSE])
def test_a_run_that_was_not_seen_to_help_is_not_verified(verdict: VerdictStatus | None) -> None:
    view = healed(runs=(run(effect(intent_s=12.5), verdict=verdict),))

    scenario = figures.scenario(Crash(), view, fault_at=at(10), recovery=RECOVERY, service_starts=2)

    assert not scenario.verified
    assert not scenario.is_healed


def test_a_recovery_that_only_recoverops_claims_is_not_healed() -> None:
    scenario = figures.scenario(Crash(), healed(), fault_at=at(10), recovery=None, service_starts=2)

    assert scenario.verified
    assert not scenario.is_healed


def test_the_incident_of_the_fault_is_the_first_of_its_service_after_it() -> None:
    before, other, first, later = (
        healed(opened_s=9),
        healed(opened_s=10.5, resource=OTHER),
        healed(),
        healed(opened_s=30),
    )

    assert figures.incident_of([later, first, other, before], target=PAYMENTS, fault_at=at(10)) is first
    assert figures.incident_of([other, before], target=PAYMENTS, fault_at=at(10)) is None


WINDOW = figures.Window(target=PAYMENTS, allowed=frozenset({"restart-service"}), begin=at(10), end=at(20))


@pytest.mark.parametrize(
    ("action", "is_false"),
    [
        (effect(intent_s=12.5), False),
        (effect(intent_s=9.5), True),
        (effect(intent_s=20.5), True),
        (effect(intent_s=12.5, target=OTHER), True),
        (effect(intent_s=12.5, name="switch-release"), True),
        (effect(intent_s=9.5, status=OutcomeStatus.GATED), False),
        (effect(intent_s=9.5, status=OutcomeStatus.EXPIRED), False),
        (effect(intent_s=9.5, status=OutcomeStatus.UNKNOWN), True),
        (effect(intent_s=9.5, status=None), True),
    ],
)
def test_an_action_is_false_outside_every_scenario_on_another_service_or_when_it_is_not_allowed(
    action: ActionRecord, is_false: bool
) -> None:
    views = [healed(runs=(run(action),))]

    assert figures.false_actions(views, [WINDOW]) == ((action,) if is_false else ())


def test_in_healthy_times_every_action_is_false() -> None:
    assert len(figures.false_actions([healed()], [])) == 1


def test_an_action_is_right_when_one_of_the_scenarios_allows_it() -> None:
    later = figures.Window(target=OTHER, allowed=frozenset({"restart-service"}), begin=at(30), end=at(40))
    action = effect(intent_s=35, target=OTHER)

    assert figures.false_actions([healed(runs=(run(action),))], [WINDOW, later]) == ()


def test_an_incident_is_a_false_alarm_when_nothing_was_broken_as_it_was_opened_whatever_its_service() -> None:
    early, knock_on, late = healed(opened_s=9), healed(opened_s=12, resource=OTHER), healed(opened_s=21, resource=OTHER)

    found = figures.false_alarms([late, knock_on, early], [WINDOW])

    assert [(one.at, one.is_before_any_fault) for one in found] == [(at(9), True), (at(21), False)]
    assert [one.is_before_any_fault for one in figures.false_alarms([late], [])] == [True]


def test_what_a_person_asked_for_is_no_false_alarm() -> None:
    request = RunRequest(runbook="return-load", by="key:admin", reason="repaired")
    asked = healed(opened_s=30)
    asked = msgspec.structs.replace(asked, incident=msgspec.structs.replace(asked.incident, request=request))

    assert figures.false_alarms([asked], [WINDOW]) == ()


def test_of_several_incidents_of_the_service_the_one_acted_on_is_the_faults() -> None:
    noise, acted_on = healed(opened_s=10.5, runs=()), healed(opened_s=14)

    assert figures.incident_of([acted_on, noise], target=PAYMENTS, fault_at=at(10)) is acted_on


@pytest.mark.parametrize(("false_actions", "is_healed"), [(0, True), (1, False)])
def test_a_demo_with_a_false_action_has_failed(false_actions: int, is_healed: bool) -> None:
    result = DemoResult(
        scenarios=(figures.scenario(Crash(), healed(), fault_at=at(10), recovery=RECOVERY, service_starts=2),),
        false_actions=false_actions,
        policy=(),
        traffic=Traffic(sent=1, failed=0),
        statement="",
    )

    assert result.is_healed is is_healed


def test_the_stations_carry_the_times_that_recoverops_stored() -> None:
    assert figures.stations(healed()) == {
        Station.OBSERVE: at(10.4),
        Station.DETECT: at(11),
        Station.DIAGNOSE: at(11.25),
        Station.DECIDE: at(12),
        Station.ACT: at(13),
        Station.VERIFY: at(18),
        Station.RESOLVED: at(18.25),
    }


def test_a_station_that_was_not_reached_is_dark() -> None:
    view = msgspec.structs.replace(healed(runs=()), decisions=(), hypotheses=(), timeline=())

    assert set(figures.stations(view)) == {Station.OBSERVE, Station.DETECT, Station.RESOLVED}


def test_the_printed_form_is_plain_json_with_every_deviation_beside_its_default() -> None:
    result = DemoResult(
        scenarios=(figures.scenario(Crash(), healed(), fault_at=at(10), recovery=RECOVERY, service_starts=2),),
        false_actions=0,
        policy=DEVIATIONS,
        traffic=Traffic(sent=300, failed=60),
        statement="healed",
        false_alarms=(FalseAlarm(at=at(5), title="cpu of shop", is_before_any_fault=True),),
    )

    plain = json.loads(json.dumps(to_plain(result)))

    assert list(plain) == [
        "scenarios",
        "false_actions",
        "healthy_s",
        "false_alarms",
        "policy",
        "traffic",
        "left_out",
        "statement",
    ]
    assert plain["false_alarms"] == [{"at": at(5).isoformat(), "title": "cpu of shop", "before_any_fault": True}]
    assert plain["scenarios"][0]["actions"] == ["restart-service"]
    assert plain["policy"]["decision.mode"]["default"] == "ask"
    assert plain["policy"]["decision.mode"]["here"] == "act"
    assert plain["traffic"] == {"sent": 300, "failed": 60}


def test_what_was_kept_says_how_to_end_it() -> None:
    kept = Kept(pid=42, url="http://127.0.0.1:1", admin_key="/tmp/k", directory="/tmp/d")
    result = DemoResult(
        scenarios=(), false_actions=0, policy=(), traffic=Traffic(sent=0, failed=0), statement="", kept=kept
    )

    assert to_plain(result)["kept"]["pid"] == 42
    assert not result.is_healed

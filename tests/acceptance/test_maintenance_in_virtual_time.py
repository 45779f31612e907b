"""The real response under a silence, in virtual time: nothing acts, nobody is called in vain, and then it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from tests.acceptance.virtual_world import ACTING, ASKING, CHECKOUT, LONG_TICK, World

from recoverops.decision import DecisionSettings
from recoverops.model import (
    ApprovalState,
    EffectClass,
    Execution,
    ExecutionStatus,
    GateAnswer,
    GateName,
    IncidentState,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Reason,
    ResponseStage,
    RunState,
    Service,
    Silence,
)
from recoverops.operations import close_incident, end_silence, silence
from recoverops.testing import LedgerAction
from recoverops.topology import Inventory

SHOP = Inventory([Service(name=CHECKOUT, group=CHECKOUT), Service(name="payments", group="payments")])
MINUTE = timedelta(minutes=1)
SHORT = DecisionSettings(mode=ACTING.mode, ask_when_critical=False, give_up_after=2 * MINUTE)


def silenced(world: World, minutes: float, *, pattern: str = f"service:{CHECKOUT}") -> Silence:
    return silence(
        world.store,
        world.clock,
        SHOP,
        pattern=pattern,
        duration=minutes * MINUTE,
        by="person:ada",
        reason="new kernel",
    )


def broken(world: World) -> World:
    world.live(2)
    world.break_service()
    return world


def test_under_a_silence_the_incident_is_opened_and_waits_and_after_it_the_service_is_healed(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        standing = silenced(world, 10)
        broken(world).live(9 * 60, tick=LONG_TICK)

        assert world.ledger == ()
        assert (world.incident.state, world.incident.reason) == (IncidentState.WAITING, Reason.SILENCED)
        decided = world.decisions[-1]
        verdict = next(one for one in decided.gates if one.gate is GateName.MAINTENANCE)
        assert (verdict.answer, verdict.retry_at) == (GateAnswer.WAIT, standing.ends_at)
        assert f"{standing.id} by person:ada" in decided.statement
        assert "new kernel" in decided.statement
        assert world.story.wait is not None
        assert world.story.wait.due_at == standing.ends_at
        assert len(world.decisions) <= 3, "it looked again and again instead of waiting for the end"

        world.live(120, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        assert world.runs[0].started_at >= standing.ends_at


def test_a_silence_of_something_else_holds_nothing(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        silenced(world, 10, pattern="service:payments")
        broken(world).live(60, until=world.is_(IncidentState.RESOLVED))
        assert world.healed_once() == []


def test_a_silence_that_is_longer_than_the_patience_calls_nobody(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=SHORT) as world:
        standing = silenced(world, 60)
        broken(world).live(59 * 60, tick=LONG_TICK)
        assert world.incident.state is IncidentState.WAITING

        world.live(120, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        assert world.clock.now() >= standing.ends_at


def test_blindness_during_a_maintenance_does_not_count_as_waiting_in_vain(tmp_path: Path) -> None:
    """The sources are switched off as well; evidence is stale all along, and it is given up only after the silence."""
    with World(directory=tmp_path, decision=SHORT) as world:
        broken(world).live(1)
        world.live(10, until=lambda: bool(world.incidents))
        standing = silenced(world, 30)
        world.is_measured = False
        world.boot()  # nothing is remembered, so there is no plan and no gate to ask

        world.live(29 * 60, tick=LONG_TICK)
        assert world.incident.state is IncidentState.WAITING
        assert world.decisions[-1].reason is Reason.EVIDENCE_STALE
        assert standing.id in world.decisions[-1].statement

        world.live(10 * 60, tick=LONG_TICK, until=world.is_(IncidentState.ESCALATED))
        assert world.incident.reason == Reason.GAVE_UP
        late = world.clock.now() - standing.ends_at
        assert timedelta(0) < late
        assert late <= SHORT.give_up_after + 2 * MINUTE


def test_a_silence_that_is_ended_early_lets_the_response_go_on_at_once(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        standing = silenced(world, 600)
        broken(world).live(60)
        assert world.ledger == ()

        ended_at = world.clock.now()
        end_silence(world.store, world.clock, standing.id, by="person:bob")
        world.live(60, until=world.is_(IncidentState.RESOLVED))

        assert world.healed_once() == []
        assert world.runs[0].started_at - ended_at < timedelta(seconds=2)


def test_a_silence_between_decision_and_effect_abandons_the_run_and_it_counts_in_no_limit(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:

        def begin(step: str) -> None:
            if step == "intent":
                world.before = lambda step: None
                silenced(world, 10)

        world.before = begin
        broken(world).live(60)

        assert world.ledger == ()
        assert [run.state for run in world.runs] == [RunState.ABANDONED]
        assert world.usage.in_last_hour == 0
        assert (world.incident.state, world.incident.reason) == (IncidentState.WAITING, Reason.SILENCED)

        world.live(12 * 60, until=world.is_(IncidentState.RESOLVED))
        assert len(world.ledger) == 1


def test_an_approval_under_a_silence_does_not_act(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ASKING) as world:
        broken(world).live(30, until=world.is_asking)
        silenced(world, 10)
        world.answer(approve=True)
        world.live(60)

        assert world.ledger == ()
        assert world.incident.reason == Reason.SILENCED

        world.live(12 * 60, until=world.is_(IncidentState.RESOLVED))
        assert world.healed_once() == []


def test_an_escalation_under_a_silence_names_it(tmp_path: Path) -> None:
    settings = ACTING.model_copy(update={"protected": ("service:check*",)})
    with World(directory=tmp_path, decision=settings) as world:
        standing = silenced(world, 10)
        broken(world).live(30, until=world.is_(IncidentState.ESCALATED))

        escalated = next(one for one in world.story.timeline if one.event == "escalated")
        assert world.incident.reason == Reason.TARGET_PROTECTED
        assert escalated.text.count(standing.id) == 1
        assert standing.id in world.decisions[-1].statement


class UndoableAction(LedgerAction):
    """A double that can be taken back; `undone` counts how often it was."""

    effect = EffectClass.REVERSIBLE
    undone = 0

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        self.undone += 1
        return Execution(status=ExecutionStatus.SUCCEEDED, statement="taken back")

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ProbeResult(answer=ProbeAnswer.NOT_DONE, statement="as it was left")


@pytest.mark.parametrize(("pattern", "undone"), [(f"service:{CHECKOUT}", 0), ("service:payments", 1)])
def test_a_silence_holds_the_undo_too_and_the_person_who_is_called_is_told(
    tmp_path: Path, pattern: str, undone: int
) -> None:
    action = UndoableAction()
    with World(directory=tmp_path, action=action, heals=False) as world:

        def begin(step: str) -> None:
            if step == "undo":
                silenced(world, 10, pattern=pattern)

        world.before = begin
        broken(world).live(120, until=world.is_(IncidentState.ESCALATED))

        assert (len(world.ledger), action.undone) == (1, undone)
        assert world.incident.reason == ("undone" if undone else "undo_gated")
        escalated = next(one for one in world.story.timeline if one.event == "escalated")
        assert ("held by a silence" in escalated.text) is (undone == 0)
        assert ("the change is still in place" in escalated.text) is (undone == 0)


# --- closing by hand --------------------------------------------------------------------------------------------------


def close(world: World) -> None:
    close_incident(
        world.store, world.clock, world.incident.id, by="person:ada", note="by hand", channels_of=lambda _: ()
    )


def test_an_incident_that_is_closed_while_it_asks_does_nothing_any_more(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=ASKING) as world:
        broken(world).live(30, until=world.is_asking)

        close(world)
        world.live(120)

        assert (world.incident.state, world.incident.reason) == (IncidentState.RESOLVED, "closed")
        assert world.incident.response is ResponseStage.FINISHED
        assert world.story.approval is not None
        assert world.story.approval.state is ApprovalState.WITHDRAWN
        assert (world.ledger, world.story.wait) == ((), None)


def test_an_incident_that_is_closed_while_it_is_decided_is_not_acted_on(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        closed: list[str] = []

        def shut(name: str) -> None:
            if name == "decide" and not closed:
                closed.append(world.incident.id)
                close(world)
                world.is_up = True  # whatever turns bad after it was closed would be another incident

        world.before = shut
        broken(world).live(60)

        assert (world.incident.state, world.incident.reason) == (IncidentState.RESOLVED, "closed")
        assert closed == [world.incident.id]
        assert (world.ledger, world.runs, world.decisions) == ((), (), ())

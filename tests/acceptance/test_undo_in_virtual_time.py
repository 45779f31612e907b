"""A person's undo in virtual time: each way it can go, and a crash at every moment of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from tests.acceptance.virtual_world import CHECKOUT, Crashes, World

from recoverops.model import (
    ConflictError,
    EffectClass,
    Execution,
    ExecutionStatus,
    Incident,
    IncidentState,
    NotFoundError,
    OutcomeStatus,
    Plan,
    ProbeAnswer,
    ProbeResult,
    RunState,
    Service,
)
from recoverops.operations import IncidentStory, request_undo, silence, tell_incident
from recoverops.testing import LedgerAction
from recoverops.topology import Inventory
from recoverops.workflows import SimulatedCrash

ADA = "person:ada"
MINUTES = timedelta(minutes=5)
SHOP = Inventory([Service(name=CHECKOUT, group=CHECKOUT)])


class Switch(LedgerAction):
    """Writes its line and turns a switch on; undo turns it off again, compare-and-set. Both are files, both real."""

    effect = EffectClass.REVERSIBLE

    def __init__(self, folder: Path, crashes: Crashes) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self.file, self.turned_off, self._crashes = folder / "switch", 0, crashes

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        done = super().execute(plan, service, idempotency_key=idempotency_key)
        self.file.write_text("on")
        return Execution(status=done.status, statement=done.statement, after={"switch": "on"})

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        now = self.file.read_text()
        if now == "off":
            return Execution(status=ExecutionStatus.SUCCEEDED, statement="it is off already")
        if now != left.get("switch", "on"):
            told = f'somebody changed it since: it is "{now}"; nothing was touched'
            return Execution(status=ExecutionStatus.FAILED, statement=told)
        self._crashes.moment("before it is turned off")
        self.file.write_text("off")
        self.turned_off += 1
        self._crashes.moment("after it is turned off")
        return Execution(status=ExecutionStatus.SUCCEEDED, statement="turned off again")

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        answers = {"off": ProbeAnswer.DONE, left.get("switch", "on"): ProbeAnswer.NOT_DONE}
        now = self.file.read_text()
        return ProbeResult(answer=answers.get(now, ProbeAnswer.UNKNOWN), statement=f'it is "{now}"')


class Scene:
    """A world whose incident was healed by the switch."""

    def __init__(self, world: World, switch: Switch) -> None:
        self.world, self.switch = world, switch
        world.live(2)
        world.break_service()
        world.live(60, until=world.is_(IncidentState.RESOLVED))
        self.healed = world.incident
        (self.run,) = world.runs
        assert self.run.state is RunState.SUCCEEDED

    def ask(self, named: str | None = None, *, by: str = ADA) -> Incident:
        world = self.world
        act_within = world.parts.decision.act_within
        named = named or self.healed.id
        return request_undo(world.store, world.clock, named, by=by, reason="by mistake", act_within=act_within)

    def told(self, incident: Incident) -> IncidentStory:
        return tell_incident(self.world.store, incident.id)

    def wrong(self, asked: Incident) -> list[str]:
        """Everything that is wrong with one undo that should have been done once."""
        told, before = self.told(asked), self.told(self.healed)
        (undo,) = told.runs
        outcomes = [one.outcome.status for one in undo.actions if one.outcome]
        target, now = self.healed.resource, self.world.clock.now()
        usage = self.world.store.read(lambda tx: tx.limits.usage(target, now=now))
        found = {
            "turned off": (self.switch.turned_off, 1),
            "switch": (self.switch.file.read_text(), "off"),
            "incident": ((told.incident.state, told.incident.reason), (IncidentState.RESOLVED, "undone")),
            "run": (undo.run.state, RunState.UNDONE),
            "outcomes": (len(outcomes), 1),
            "healed incident": (before.incident.state, IncidentState.RESOLVED),
            "its story": ([one.event for one in before.timeline].count("undone"), 1),
            "own story": ([one.event for one in told.timeline].count("undone"), 1),
            "posted": ([one.notification.event for one in told.deliveries], ["incident.resolved"]),
            "counted": (usage.in_last_hour, 2),
            "locked": (usage.targets_in_flight, ()),
            "audit": (self.world.audit_is_whole(), True),
        }
        return [f"{name}: {is_so}" for name, (is_so, expected) in found.items() if is_so != expected]


def scene(directory: Path, crashes: Crashes | None = None, *, in_writes: bool = False) -> Scene:
    crashes = crashes or Crashes()
    switch = Switch(directory, crashes)
    world = World(
        directory=directory,
        action=switch,
        crashes=crashes,
        crash_in_writes=in_writes,
    )
    return Scene(world, switch)


def test_what_helped_is_taken_back_when_a_person_asks_though_the_incident_is_resolved(tmp_path: Path) -> None:
    that = scene(tmp_path)
    with that.world as world:
        asked = that.ask()
        world.live(5)

        assert that.wrong(asked) == []
        (undo,) = that.told(asked).runs
        assert (undo.run.requested_by, undo.run.undoes) == (ADA, that.run.id)
        entries = world.store.read(lambda tx: tx.audit.entries())
        assert [one.event for one in entries if one.actor == ADA] == [
            "undo.requested",
            "undo.intent",
            "incident.undone",
            "incident.undone",
        ]


def test_a_run_is_undone_once_whoever_asks_again(tmp_path: Path) -> None:
    that = scene(tmp_path)
    with that.world as world:
        asked = that.ask(that.run.id)
        with pytest.raises(ConflictError, match=f"being_undone.*{asked.id}"):
            that.ask(by="person:bob")
        world.live(5)
        with pytest.raises(ConflictError, match=f"already_undone.*{ADA}"):
            that.ask(by="person:bob")
        with pytest.raises(ConflictError, match=r"not_reversible.*itself the undo"):
            that.ask(asked.id)
        assert that.wrong(asked) == []


def test_what_somebody_changed_since_is_left_alone_and_a_person_is_told(tmp_path: Path) -> None:
    that = scene(tmp_path)
    with that.world as world:
        that.switch.file.write_text("dimmed")
        asked = that.ask()
        world.live(5)

        told = that.told(asked)
        assert that.switch.file.read_text() == "dimmed"
        assert (told.incident.state, told.incident.reason) == (IncidentState.ESCALATED, "undo_failed")
        assert "somebody changed it since" in next(one.text for one in told.timeline if one.event == "escalated")
        assert told.runs[0].run.state is RunState.FAILED
        with pytest.raises(ConflictError, match="undo_failed"):
            that.ask()


@pytest.mark.parametrize("held_by", ["stop", "silence"])
def test_a_stop_or_a_silence_holds_it_and_afterwards_it_may_be_asked_for_again(tmp_path: Path, held_by: str) -> None:
    that = scene(tmp_path)
    with that.world as world:
        if held_by == "stop":
            world.stop.engage(reason="migration", by=ADA)
        else:
            minute = timedelta(minutes=1)
            silence(
                world.store, world.clock, SHOP, pattern="service:checkout", duration=minute, by=ADA, reason="kernel"
            )
        held = that.ask()
        world.live(5)
        told = that.told(held)
        assert (told.incident.state, told.incident.reason) == (IncidentState.ESCALATED, "undo_gated")
        assert "the change is still in place" in next(one.text for one in told.timeline if one.event == "escalated")
        assert (told.runs[0].run.state, that.switch.turned_off) == (RunState.ABANDONED, 0)

        world.stop.clear(world.stop.read())
        world.live(70)
        again = that.ask()
        world.live(5)

        assert that.told(again).runs[0].run.state is RunState.UNDONE
        assert that.switch.turned_off == 1


def test_an_undo_that_no_engine_took_up_in_time_is_not_begun(tmp_path: Path) -> None:
    that = scene(tmp_path)
    with that.world as world:
        asked = that.ask()
        world.clock.advance(world.parts.decision.act_within + timedelta(seconds=1))
        world.boot()
        world.live(5)

        told = that.told(asked)
        assert (told.incident.state, told.incident.reason) == (IncidentState.ESCALATED, "undo_expired")
        assert (told.runs[0].run.state, that.switch.turned_off) == (RunState.ABANDONED, 0)


def test_while_a_run_works_on_the_incident_nothing_is_undone(tmp_path: Path) -> None:
    crashes = Crashes()
    switch = Switch(tmp_path, crashes)
    with World(directory=tmp_path, action=switch, heals=False) as world:
        refused: list[str] = []

        def ask(step: str) -> None:
            if step == "undo":
                with pytest.raises(ConflictError, match="still_running") as error:
                    request_undo(
                        world.store,
                        world.clock,
                        world.incident.id,
                        by=ADA,
                        reason="",
                        act_within=timedelta(minutes=1),
                    )
                refused.append(str(error.value))

        world.before = ask
        world.live(2)
        world.break_service()
        world.live(90, until=world.is_(IncidentState.ESCALATED))

        assert len(refused) == 1
        assert world.incident.reason == "undone"
        with pytest.raises(ConflictError, match="already_undone"):
            request_undo(world.store, world.clock, world.runs[0].id, by=ADA, reason="", act_within=timedelta(minutes=1))


def test_what_cannot_be_undone_is_refused_by_name(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        world.live(2)
        world.break_service()
        world.live(60, until=world.is_(IncidentState.RESOLVED))
        for named, error, words in (
            (world.incident.id, ConflictError, "not_reversible.*restorative"),
            ("run-nowhere", NotFoundError, "no run run-nowhere"),
            ("inc-nowhere", NotFoundError, "no incident inc-nowhere"),
        ):
            with pytest.raises(error, match=words):
                request_undo(world.store, world.clock, named, by=ADA, reason="", act_within=timedelta(minutes=1))


class HalfWay(Switch):
    """Fails, or loses its answer, before or after the switch is on."""

    def __init__(self, folder: Path, *, word: str, status: ExecutionStatus) -> None:
        super().__init__(folder, Crashes())
        self.file.write_text("off")
        self._word, self._status = word, status

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        self.file.write_text(self._word)
        return Execution(status=self._status, statement="the other side hung up")

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement="it does not answer")


@pytest.mark.parametrize("status", [ExecutionStatus.FAILED, ExecutionStatus.UNKNOWN])
@pytest.mark.parametrize(("word", "turned_off"), [("on", 1), ("off", 0)])
def test_what_failed_half_way_is_left_by_the_engine_and_taken_back_when_a_person_asks(
    tmp_path: Path, status: ExecutionStatus, word: str, turned_off: int
) -> None:
    switch = HalfWay(tmp_path, word=word, status=status)
    with World(directory=tmp_path, action=switch) as world:
        world.live(2)
        world.break_service()
        world.live(60, until=world.is_(IncidentState.ESCALATED))
        assert (world.incident.reason, switch.turned_off) == (f"action_{status}", 0)
        (run,) = world.runs

        asked = request_undo(world.store, world.clock, world.incident.id, by=ADA, reason="", act_within=MINUTES)
        world.live(5)

        told = tell_incident(world.store, asked.id)
        assert (told.incident.reason, told.runs[0].run.state) == ("undone", RunState.UNDONE)
        assert (switch.file.read_text(), switch.turned_off) == ("off", turned_off)
        said = "turned off again" if turned_off else "it is off already"
        assert said in next(one.text for one in told.timeline if one.event == "undone")
        with pytest.raises(ConflictError, match="already_undone"):
            request_undo(world.store, world.clock, run.id, by=ADA, reason="", act_within=MINUTES)


def test_what_failed_half_way_and_was_changed_since_is_left_alone(tmp_path: Path) -> None:
    switch = HalfWay(tmp_path, word="half", status=ExecutionStatus.FAILED)
    with World(directory=tmp_path, action=switch) as world:
        world.live(2)
        world.break_service()
        world.live(60, until=world.is_(IncidentState.ESCALATED))
        asked = request_undo(world.store, world.clock, world.incident.id, by=ADA, reason="", act_within=MINUTES)
        world.live(5)
        told = tell_incident(world.store, asked.id)
        assert (told.incident.state, told.incident.reason) == (IncidentState.ESCALATED, "undo_failed")
        assert switch.file.read_text() == "half"


def test_what_was_cut_off_half_way_is_gone_on_with_but_not_through_a_shut_gate(tmp_path: Path) -> None:
    class CutOff(HalfWay):
        def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
            self.file.write_text("half")
            world.stop.engage(reason="migration", by=ADA)
            raise SimulatedCrash("in the middle")

        def probe(self, plan: Plan, service: Service) -> ProbeResult:
            return ProbeResult(answer=ProbeAnswer.HALF_DONE, statement="the switch stands half-way")

    switch = CutOff(tmp_path, word="half", status=ExecutionStatus.FAILED)
    with World(directory=tmp_path, action=switch) as world:
        world.live(2)
        world.break_service()
        world.live(60, until=world.is_(IncidentState.ESCALATED))
        (run,) = world.runs
        assert (world.incident.reason, run.state) == ("action_unknown", RunState.UNKNOWN)
        text = next(
            one.text for one in tell_incident(world.store, world.incident.id).timeline if one.event == "escalated"
        )
        assert "interrupted half-way and not gone on with" in text
        assert "the switch stands half-way" in text


def test_an_undo_that_was_cut_off_half_way_and_meets_a_stop_says_so_and_may_be_asked_for_again(tmp_path: Path) -> None:
    class CutOff(Switch):
        def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
            if self.file.read_text() == "half":
                self.file.write_text("off")
                return Execution(status=ExecutionStatus.SUCCEEDED, statement="turned off again")
            self.file.write_text("half")
            world.stop.engage(reason="migration", by=ADA)
            raise SimulatedCrash("in the middle")

        def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
            return ProbeResult(answer=ProbeAnswer.HALF_DONE, statement="the switch stands half-way")

    with World(directory=tmp_path, action=CutOff(tmp_path, Crashes())) as world:
        that = Scene(world, cast(Switch, world.action))
        asked = that.ask()
        world.live(60, until=lambda: that.told(asked).incident.state is IncidentState.ESCALATED)
        told = that.told(asked)
        assert (told.incident.reason, told.runs[0].run.state) == ("undo_gated", RunState.ABANDONED)
        outcomes = [one.outcome.statement for one in told.runs[0].actions if one.outcome]
        assert outcomes == ["held by the emergency stop; it stands half-way: the switch stands half-way"]

        world.stop.clear(world.stop.read())
        again = that.ask()
        world.live(60, until=lambda: that.told(again).incident.state is IncidentState.RESOLVED)
        assert that.told(again).incident.reason == "undone"


def test_what_was_never_called_has_nothing_to_undo(tmp_path: Path) -> None:
    switch = HalfWay(tmp_path, word="on", status=ExecutionStatus.SUCCEEDED)
    with World(directory=tmp_path, action=switch) as world:

        def shut(step: str) -> None:
            if step == "intent" and not world.stop.read().stopped:
                world.stop.engage(reason="migration", by=ADA)

        world.before = shut
        world.live(2)
        world.break_service()
        world.live(20)
        assert [one.state for one in world.runs] == [RunState.ABANDONED]
        with pytest.raises(ConflictError, match=r"nothing_done.*never began"):
            request_undo(world.store, world.clock, world.runs[0].id, by=ADA, reason="", act_within=MINUTES)


# --- a crash at every moment ------------------------------------------------------------------------------------------


def life(directory: Path, at: frozenset[int], *, writes: bool) -> tuple[list[str], list[str], IncidentStory]:
    """What went wrong with an undo during which it dies at these moments, the name of every moment, and the story."""
    crashes = Crashes()
    that = scene(directory, crashes, in_writes=writes)
    with that.world as world:
        begun = len(crashes.names)
        two_minutes = timedelta(minutes=2)
        asked = request_undo(world._sql, world.clock, that.healed.id, by=ADA, reason="x", act_within=two_minutes)
        crashes.at = frozenset(begun + number for number in at)
        world.live(60, until=lambda: that.told(asked).incident.state is not IncidentState.OPEN)
        world.live(5)
        wrong = that.wrong(asked)
        if crashes.died != len(at):
            wrong.append(f"died {crashes.died} times")
        return wrong, crashes.names[begun:], that.told(asked)


@pytest.mark.parametrize("writes", [False, True], ids=["at every step", "around every commit"])
def test_a_crash_at_any_moment_changes_nothing_about_the_one_undo(tmp_path: Path, writes: bool) -> None:
    wrong, names, _ = life(tmp_path / "undisturbed", frozenset(), writes=writes)
    assert wrong == []
    assert {"before it is turned off", "after it is turned off", "after undo"} <= set(names)

    found = {
        f"{number} {name}": life(tmp_path / str(number), frozenset({number}), writes=writes)[0]
        for number, name in enumerate(names)
    }

    assert {at: told for at, told in found.items() if told} == {}


def test_an_undo_that_was_cut_off_after_it_happened_is_found_done_and_not_repeated(tmp_path: Path) -> None:
    _, names, _ = life(tmp_path / "undisturbed", frozenset(), writes=False)
    cut = frozenset({names.index("after it is turned off")})

    wrong, _, told = life(tmp_path / "cut", cut, writes=False)

    assert wrong == []
    assert [one.outcome.status for one in told.runs[0].actions if one.outcome] == [OutcomeStatus.FOUND_DONE]


def test_an_undo_that_nobody_knows_the_end_of_is_not_begun_a_second_time(tmp_path: Path) -> None:
    class Broken(Switch):
        def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
            raise KeyError("a defect of the action")

        def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
            raise KeyError("another one")

    switch = Broken(tmp_path, Crashes())
    with World(directory=tmp_path, action=switch, heals=False) as world:
        world.live(2)
        world.break_service()
        world.live(300)
        (run,) = world.runs
        assert (run.state, world.incident.state) == (RunState.UNKNOWN, IncidentState.ESCALATED)
        with pytest.raises(ConflictError, match="its one undo was begun, and nobody knows how it ended"):
            request_undo(world.store, world.clock, run.id, by=ADA, reason="again", act_within=timedelta(minutes=5))

"""A service that falls and recovers again and again, in virtual time: one incident, one call, an end after quiet."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.acceptance.virtual_world import ACTING, OBSERVING, World

from recoverops.incidents import IncidentSettings
from recoverops.model import IncidentState, ResponseStage, RunState
from recoverops.testing import LedgerAction

MINUTE = timedelta(minutes=1)
DAMPING = IncidentSettings(flaps=4, flap_window=30 * MINUTE, flap_quiet=5 * MINUTE)
FREELY = ACTING.model_copy(update={"cooldown": timedelta(0), "max_actions_per_hour": 100})


def fall(world: World, *, down_s: float = 5, up_s: float = 45) -> None:
    """Down, then up for longer than `clear_after`."""
    world.is_up = False
    world.live(down_s)
    world.is_up = True
    world.live(up_s)


def told(world: World) -> list[str]:
    """Every notification of every incident, oldest incident first."""
    found = reversed(world.incidents)
    return [
        one.notification.event
        for incident in found
        for one in world.store.read(lambda tx, name=incident.id: tx.outbox.of_incident(name))  # type: ignore[misc]
    ]


def test_the_onset_that_is_one_too_many_opens_one_incident_that_stays_and_calls_a_person_once(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=OBSERVING, damping=DAMPING) as world:
        world.live(2)
        for _ in range(3):
            fall(world)
        assert [one.state for one in world.incidents] == [IncidentState.RESOLVED] * 3
        before = len(told(world))

        for _ in range(6):
            fall(world)

        flapping = world.incidents[0]
        assert len(world.incidents) == 4
        assert (flapping.state, flapping.reason) == (IncidentState.ESCALATED, "flapping")
        assert flapping.response is ResponseStage.FINISHED
        assert told(world)[before:] == ["incident.escalated"]
        assert world.ledger == ()


def test_it_is_closed_after_the_quiet_and_then_counting_starts_anew(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=OBSERVING, damping=DAMPING) as world:
        world.live(2)
        for _ in range(4):
            fall(world)
        flapping = world.incidents[0]
        world.live(4 * 60)
        assert world.incidents[0].state is IncidentState.ESCALATED
        fall(world)
        world.live(4 * 60)
        assert world.incidents[0].state is IncidentState.ESCALATED, "the quiet began anew"
        world.live(70)

        closed = world.incidents[0]
        assert (closed.id, closed.state, closed.reason) == (flapping.id, IncidentState.RESOLVED, "recovered_by_itself")
        fall(world)
        assert world.incidents[0].id != flapping.id
        assert world.incidents[0].flapping_since is None


def test_remedies_that_do_not_last_stop_when_it_flaps_and_why_names_it(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=FREELY, damping=DAMPING, heals=False) as world:
        world.live(2)

        def heal(step: str) -> None:
            if step == "verdict":
                world.is_up = True  # each action helps, for a while

        world.before = heal
        for _ in range(8):
            world.is_up = False
            world.live(60)

        flapping = world.incidents[0]
        assert (len(world.ledger), len(world.incidents)) == (DAMPING.flaps - 1, DAMPING.flaps)
        assert (flapping.state, flapping.reason) == (IncidentState.ESCALATED, "flapping")
        timeline = world.store.read(lambda tx: tx.incidents.timeline(flapping.id))
        words = [one.text for one in timeline if one.event == "flapping"]
        assert len(words) == 1
        assert words[0].startswith("flapping: the trouble came 4 times since 12:00:0")


def test_a_restart_of_recoverops_during_one_trouble_is_no_onset(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=OBSERVING, damping=DAMPING) as world:
        world.live(2)
        world.is_up = False
        world.live(10)
        for _ in range(6):
            world.boot()
            world.live(10)
        (incident,) = world.incidents
        assert (len(incident.onsets), incident.flapping_since) == (1, None)


def test_onsets_are_counted_across_restarts(tmp_path: Path) -> None:
    with World(directory=tmp_path, decision=OBSERVING, damping=DAMPING) as world:
        world.live(2)
        for _ in range(DAMPING.flaps):
            fall(world)
            world.boot()
        world.live(10)
        assert world.incidents[0].reason == "flapping"


class Flip:
    """Lets the service recover and fall again, once, at the moment that it is called."""

    world: World
    is_done = False

    def __call__(self) -> None:
        if self.is_done:
            return
        self.is_done = True
        for is_up in (True, False, True):
            self.world.is_up = is_up
            self.world.clock.advance(timedelta(seconds=2))


def test_when_it_turns_out_to_flap_after_the_action_a_person_is_called_instead_of_closing(tmp_path: Path) -> None:
    damping, flip = DAMPING.model_copy(update={"flaps": 2}), Flip()
    action = LedgerAction(after_effect=flip)
    with World(directory=tmp_path, decision=FREELY, damping=damping, heals=False, action=action) as world:
        flip.world = world
        world.live(2)
        world.is_up = False
        world.live(90, until=world.is_(IncidentState.ESCALATED))

        assert (world.incident.reason, len(world.ledger)) == ("flapping", 1)
        assert [run.state for run in world.runs] == [RunState.SUCCEEDED]
        assert (world.events("flapping"), world.events("escalated"), world.events("resolved")) == (1, 1, 0)
        assert world.usage.targets_in_flight == ()


def test_when_it_turns_out_to_flap_right_before_the_action_nothing_is_done_and_a_person_is_called(
    tmp_path: Path,
) -> None:
    damping, flip = DAMPING.model_copy(update={"flaps": 2}), Flip()
    with World(directory=tmp_path, decision=FREELY, damping=damping, heals=False) as world:
        flip.world = world
        world.live(2)
        world.is_up = False
        world.before = lambda step: flip() if step == "intent" else None
        world.live(90, until=world.is_(IncidentState.ESCALATED))

        assert (world.incident.reason, world.ledger) == ("flapping", ())
        assert [run.state for run in world.runs] == [RunState.ABANDONED]
        assert (world.events("flapping"), world.events("escalated")) == (1, 1)

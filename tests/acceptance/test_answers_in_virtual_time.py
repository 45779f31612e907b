"""What a person's yes and no are worth when the reason for asking goes away: in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.acceptance.test_response_in_virtual_time import broken
from tests.acceptance.virtual_world import ACTING, World

from recoverops.model import AlertStatus, ApprovalState, IncidentState, Reason, RunState
from recoverops.pipeline import Observer, Sweep

HASTY = ACTING.model_copy(update={"cooldown": timedelta(seconds=1)})


class Switched(World):
    """A world with a switch outside that can demand a person's approval."""

    def boot(self) -> None:
        self.demanded: tuple[str, ...] = ("the switch is on",)
        super().boot()
        self.parts = replace(self.parts, demands=lambda: self.demanded)
        self.engine = self._engine(self.parts)
        self.observer = Observer(self.parts, self.engine.start)
        self.sweep = Sweep(self.parts, self.engine)

    def __enter__(self) -> Switched:
        return self

    def switch(self, *demanded: str) -> None:
        """And new evidence, so that it is decided anew."""
        self.demanded = demanded
        self.alert(AlertStatus.FIRING, name="InstanceDown" if demanded else "ServiceDown")


def once(step: str, do: Callable[[], None]) -> Callable[[str], None]:
    """`do` right before this step, the first time."""
    done: list[str] = []

    def before(name: str) -> None:
        if name == step and not done:
            done.append(name)
            do()

    return before


def test_a_question_is_withdrawn_when_it_acts_without_the_answer(tmp_path: Path) -> None:
    with Switched(directory=tmp_path, decision=HASTY, heals=False) as world:
        # given a question that nobody has answered
        broken(world).live(30, until=world.is_asking)
        asked = world.pending()[0].id
        open_while_acting: list[str] = []
        world.before = once("sleep", lambda: open_while_acting.extend(one.id for one in world.pending()))
        # when nobody has to agree any more, and it acts
        world.switch()
        world.live(60, until=world.is_(IncidentState.ESCALATED))
        assert (len(world.ledger), world.runs[0].approval_id) == (1, None)
        # then there is nothing to say yes to while it acts
        assert open_while_acting == []
        assert world.story.approval is not None
        assert (world.story.approval.id, world.story.approval.state) == (asked, ApprovalState.WITHDRAWN)
        # and a second action asks a new question
        world.switch("the switch is on")
        world.live(60, until=world.is_asking)
        assert world.pending()[0].id != asked
        assert len(world.ledger) == 1


def test_a_yes_that_was_not_needed_in_the_end_pays_for_no_second_action(tmp_path: Path) -> None:
    with Switched(directory=tmp_path, decision=HASTY, heals=False) as world:
        broken(world).live(30, until=world.is_asking)
        world.answer(approve=True)
        world.demanded = ()
        world.live(60, until=world.is_(IncidentState.ESCALATED))
        assert (len(world.ledger), world.runs[0].requested_by) == (1, "rule:write-when-down")

        world.switch("the switch is on")
        world.live(60, until=world.is_asking)

        assert [one.state for one in world.runs] == [RunState.FAILED]
        assert (len(world.ledger), world.decisions[-1].reason) == (1, Reason.APPROVAL_NEEDED)


def test_a_no_is_heard_although_nobody_would_have_to_agree_any_more(tmp_path: Path) -> None:
    with Switched(directory=tmp_path, decision=HASTY) as world:
        broken(world).live(30, until=world.is_asking)
        world.answer(approve=False)
        world.demanded = ()

        world.live(30, until=world.is_(IncidentState.ESCALATED))
        assert (world.incident.reason, world.ledger) == (Reason.DENIED, ())
        # also when it is taken up again, for as long as the incident is open
        world.switch()
        world.live(30)
        assert (world.incident.reason, world.ledger) == (Reason.DENIED, ())
        assert world.incident.episode == 2


def test_a_no_ends_with_its_incident(tmp_path: Path) -> None:
    with Switched(directory=tmp_path, decision=HASTY) as world:
        broken(world).live(30, until=world.is_asking)
        world.answer(approve=False)
        world.live(5)
        world.is_up, world.demanded = True, ()
        world.live(300, until=world.is_(IncidentState.RESOLVED))

        world.break_service()
        world.live(60, until=lambda: bool(world.ledger))

        assert len(world.ledger) == 1

"""What a person's yes and no are worth when something changes before or after them, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
from tests.acceptance.test_response_in_virtual_time import broken
from tests.acceptance.virtual_world import ACTING, World

from recoverops.model import (
    AlertStatus,
    ApprovalState,
    EffectClass,
    Execution,
    IncidentState,
    Plan,
    Reason,
    RunState,
    Service,
)
from recoverops.pipeline import Observer, Sweep
from recoverops.testing import LedgerAction

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


class Choosing(LedgerAction):
    """Chooses what it deletes, and lists what is in it."""

    effect = EffectClass.IRREVERSIBLE
    volume = "vol-A"
    files = "a b"

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        return msgspec.structs.replace(
            super().plan(service, arguments),
            effect=self.effect,
            summary=f"delete {self.files} in {self.volume} of {service.name} for good",
            before={**super().plan(service, arguments).before, "volume": self.volume, "files": self.files},
            aim=("volume",),
            listed=("files",),
        )

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        self.done.append(f"{plan.before['files']} in {plan.before['volume']}")
        return super().execute(plan, service, idempotency_key=idempotency_key)


def test_a_yes_to_what_an_action_chose_is_no_yes_to_what_it_would_choose_now(tmp_path: Path) -> None:
    action = Choosing()
    with World(directory=tmp_path, action=action) as world:
        broken(world).live(30, until=world.is_asking)
        action.volume = "vol-B"
        world.answer(approve=True)
        world.live(30, until=world.is_asking)
        # then it is asked anew, with what was asked before
        assert (action.done, world.decisions[-1].reason) == ([], Reason.PLAN_CHANGED)
        assert world.decisions[-1].statement.endswith("asked about: delete a b in vol-A of checkout for good")
        assert world.pending()[0].plan.before["volume"] == "vol-B"

        world.answer(approve=True)
        world.live(30, until=lambda: bool(action.done))

        assert action.done == ["a b in vol-B"]


def test_a_list_that_grew_since_the_question_is_approved_as_it_was_shown(tmp_path: Path) -> None:
    action = Choosing()
    with World(directory=tmp_path, action=action) as world:
        broken(world).live(30, until=world.is_asking)
        action.files = "a b c"
        world.answer(approve=True)

        world.live(30, until=lambda: bool(action.done))

        assert action.done == ["a b in vol-A"]
        assert world.runs[0].plan.summary == "delete a b in vol-A of checkout for good"


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


def test_a_question_whose_time_is_up_when_nobody_has_to_answer_any_more_refuses_nothing_later(tmp_path: Path) -> None:
    short = HASTY.model_copy(update={"approval_ttl": timedelta(seconds=60)})
    with Switched(directory=tmp_path, decision=short, heals=False) as world:
        broken(world).live(30, until=world.is_asking)
        world.demanded = ()  # the switch is off, and nothing wakes the incident before the question's time is up
        world.live(70)
        assert (len(world.ledger), world.story.approval and world.story.approval.state) == (1, ApprovalState.WITHDRAWN)
        world.live(30)
        world.switch("the switch is on")
        world.live(60, until=world.is_asking)
        assert world.decisions[-1].reason is Reason.APPROVAL_NEEDED

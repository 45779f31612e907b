"""What a plan's hash covers: a yes is bound to it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from recoverops.model import EffectClass, Plan, Resource, ResourceKind
from recoverops.model.record import from_json, to_json

CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
PLAN = Plan(
    action="delete-volume",
    effect=EffectClass.IRREVERSIBLE,
    target=CHECKOUT,
    arguments={"snapshot": "yes"},
    touches=(CHECKOUT,),
    summary="delete vol-A of checkout",
    before={"volume": "vol-A", "state": "available", "files": "a"},
    aim=("volume",),
    timeout_s=5.0,
)


def changed(**changes: Any) -> Plan:
    return msgspec.structs.replace(PLAN, **changes)


@pytest.mark.parametrize(
    "other",
    [
        changed(action="delete"),
        changed(arguments={"snapshot": "no"}),
        changed(before={**PLAN.before, "volume": "vol-B"}),
        changed(aim=("volume", "state")),
        changed(listed=("files",)),
    ],
)
def test_a_plan_that_would_do_something_else_has_another_hash(other: Plan) -> None:
    assert other.hash != PLAN.hash


@pytest.mark.parametrize(
    "other",
    [changed(before={**PLAN.before, "state": "in-use"}), changed(summary="in other words"), changed(timeout_s=6.0)],
)
def test_what_moves_while_a_person_decides_leaves_the_hash_as_it_was(other: Plan) -> None:
    assert other.hash == PLAN.hash


def test_a_plan_of_an_older_release_is_read_and_has_the_hash_that_it_had() -> None:
    plain = msgspec.json.decode(to_json(PLAN))
    del plain["aim"], plain["listed"]
    read = from_json(Plan, msgspec.json.encode(plain))
    assert (read.aim, read.listed) == ((), ())
    assert read.hash == "dd5aa65fe03af3d0b402d8f74b37f6ff24bd9b8f6dfc3df5419704793b7a1383"


def test_what_was_listed_is_done_and_nothing_that_came_later() -> None:
    shown = changed(listed=("files",))
    now = changed(
        listed=("files",), before={**PLAN.before, "state": "in-use", "files": "a b"}, summary="two of checkout"
    )
    approved = now.as_approved(shown)
    assert now.hash == shown.hash == approved.hash
    assert approved.before == {"volume": "vol-A", "state": "in-use", "files": "a"}
    assert approved.summary == shown.summary
    assert PLAN.as_approved(shown) is PLAN

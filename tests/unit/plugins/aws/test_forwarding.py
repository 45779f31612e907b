"""Weights between two target groups: the whole of it is a text, and back again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from recoverops.model import PermanentError
from recoverops.plugins.aws.actions.elb_target_out import picked, placed
from recoverops.plugins.aws.balancers import Target
from recoverops.plugins.aws.forwarding import Forward, actions_of, forward_of, gaining, parsed, shifted

PREFIX = "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/"
WEIGHTS = some.fixed_dictionaries({"blue/1a": some.integers(0, 999), "green/2b": some.integers(0, 999)})
FORWARDS = some.builds(Forward, weights=WEIGHTS, sticky_s=some.none() | some.integers(1, 604800))


@given(forward=FORWARDS)
def test_what_is_told_and_what_is_sent_say_the_same(forward: Forward) -> None:
    assert parsed(forward.told) == forward
    assert forward_of("it", actions_of(forward, PREFIX)) == forward


@given(forward=FORWARDS, percent=some.integers(0, 100))
def test_a_shift_sets_both_shares_and_keeps_the_stickiness(forward: Forward, percent: int) -> None:
    assume(forward.weights != {"green/2b": percent, "blue/1a": 100 - percent})
    goal = shifted("it", forward, to="green", percent=percent)
    assert goal.weights == {"green/2b": percent, "blue/1a": 100 - percent}
    assert goal.sticky_s == forward.sticky_s


def test_the_one_that_gains_is_the_one_that_has_to_be_healthy() -> None:
    now = Forward(weights={"blue/1a": 90, "green/2b": 10}, sticky_s=None)
    assert gaining(now, shifted("it", now, to="green", percent=50)) == "green/2b"
    assert gaining(now, shifted("it", now, to="green", percent=0)) == "blue/1a"


def forward(*groups: str) -> dict[str, Any]:
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": PREFIX + one} for one in groups]}}


@pytest.mark.parametrize(
    "actions",
    [
        [],
        [forward("blue/1a")],
        [forward("blue/1a", "green/2b", "red/3c")],
        [{"Type": "authenticate-oidc"}, forward("blue/1a", "green/2b")],
        [{"Type": "redirect"}],
    ],
)
def test_only_one_forward_to_two_groups_is_understood(actions: list[dict[str, Any]]) -> None:
    with pytest.raises(PermanentError, match="only between two are weights shifted"):
        forward_of("the listener", actions)


def test_a_group_that_is_not_there_is_named_with_those_that_are() -> None:
    now = Forward(weights={"blue/1a": 90, "green/2b": 10}, sticky_s=None)
    with pytest.raises(PermanentError, match="target group red; it does to blue, green"):
        shifted("the listener", now, to="red", percent=10)


def target(ident: str, port: int, state: str = "healthy") -> Target:
    return Target(id=ident, port=port, zone="", state=state)


def test_a_target_with_several_ports_is_named_with_one() -> None:
    found = [target("i-1", 80), target("i-1", 8080), target("i-2", 80)]
    assert picked("web", found, "i-1:8080") == found[1]
    with pytest.raises(PermanentError, match=r"2 targets are i-1 .* with :port"):
        picked("web", found, "i-1")


def test_a_draining_target_is_out() -> None:
    assert placed([target("i-1", 80, "draining")]) == "out"
    assert placed([target("i-1", 8080), target("i-1", 80)]) == "in on 80, 8080"

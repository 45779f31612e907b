"""The generated policy is enough for what is enabled, and no single permission of it is too much.

Policies are judged by the double, which evaluates `Resource` and `Condition`; see docs/aws.md.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop, service
from tests.integration.aws.scene import Scene
from tests.integration.aws.scenes import SCENES
from tests.integration.aws.ssm_scenes import DECLARED

from recoverops.model import Execution, ExecutionStatus, PermanentError, ProbeAnswer, Service
from recoverops.plugins.aws import AwsSettings
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.assembly import ACTIONS, enabled_actions
from recoverops.ports import Action, ReversibleAction
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key

PLAIN: dict[str, Any] = {"accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}]}
NEEDED = {
    action.name: list(dict.fromkeys(grant.action for grant in action.grants))
    for action in ACTIONS
    if not action.name.startswith("ssm-")
} | {
    action.name: sorted({grant.action for grant in action.grants_under(settings)})
    for settings in (AwsSettings.model_validate({**PLAIN, **one}) for one in DECLARED)
    for action in enabled_actions(settings)
}
ONLY_BY_ID = {"iam-key-deactivate", "elb-shift-weights", "elb-shift-rule-weights"}
"""Actions on what tags do not choose."""
STAYS = ("ebs-snapshot", "ec2:DeleteSnapshot")
"""Whether a snapshot may be deleted again shows only when there is one: it is told, and it harms nobody."""
_OF_THEIR_OWN = {Kind.EC2, Kind.ASG, Kind.EBS, Kind.EIP, Kind.SG_RULE}
BY_TAGS = {action.name for action in ACTIONS if action.kind not in _OF_THEIR_OWN} - ONLY_BY_ID
"""Actions that need `tag:GetResources` as well when an address chooses by tags."""


def made(aws: Aws, named: str, *, by_tags: bool = False) -> tuple[Scene, Shop, Service]:
    scene = SCENES[named](aws)
    scene.break_it()
    address = scene.by_tags if by_tags else scene.address
    assert address is not None
    checkout = service("checkout", address)
    settings = {"actions": [named], **scene.settings}
    return scene, Shop(aws=aws, services={"checkout": checkout}, settings=settings), checkout


def policy_of(shop: Shop, root: Key, **settings: Any) -> dict[str, Any]:
    (policy,) = shop.parts(root, **settings).policies
    document: dict[str, Any] = json.loads(policy.document)
    assert set(policy.explained) == {one["Sid"] for one in document["Statement"]}
    return document


def without(policy: Mapping[str, Any], action: str) -> dict[str, Any]:
    left = copy.deepcopy(dict(policy))
    for statement in left["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    left["Statement"] = [one for one in left["Statement"] if one["Action"]]
    assert left != policy, f"{action} is not in the policy"
    return left


def used(action: Action, checkout: Service, scene: Scene) -> Execution:
    """Plan, probe, execute, and undo where there is one; raises what `plan` raises."""
    plan = action.plan(checkout, scene.arguments)
    assert action.probe(plan, checkout).answer is ProbeAnswer.NOT_DONE
    done = action.execute(plan, checkout, idempotency_key="run:1")
    if done.status is not ExecutionStatus.SUCCEEDED or not hasattr(action, "undo"):
        return done
    reversible: ReversibleAction = action  # type: ignore[assignment]
    return reversible.undo(plan, done.after, checkout, idempotency_key="run:1:undo")


@pytest.mark.parametrize(
    ("named", "by_tags"),
    [(named, by_tags) for named in SCENES for by_tags in (False, True) if not (by_tags and named in ONLY_BY_ID)],
)
def test_with_the_generated_policy_an_action_does_its_work_and_takes_it_back(
    aws: Aws, root: Key, named: str, by_tags: bool
) -> None:
    scene, shop, checkout = made(aws, named, by_tags=by_tags)
    key = aws.user(policy_of(shop, root))
    done = used(shop.action(named, key), checkout, scene)
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement


@pytest.mark.parametrize("named", NEEDED)
def test_without_one_permission_it_says_which_and_nothing_half_done_remains(aws: Aws, root: Key, named: str) -> None:
    scene, shop, checkout = made(aws, named)
    whole, before = policy_of(shop, root), scene.snapshot()
    for missing in sorted(NEEDED[named], key=lambda one: (named, one) == STAYS):
        action = shop.action(named, aws.user(without(whole, missing)))
        try:
            done = used(action, checkout, scene)
        except PermanentError as error:
            told = str(error)
        else:
            assert done.status is ExecutionStatus.FAILED, f"{missing}: {done.statement}"
            told = done.statement
        assert f"the permission {missing} is missing" in told
        assert "recoverops permissions aws" in told
        if (named, missing) == STAYS:
            assert "was made and stays, but the permission" in told
            assert len(scene.snapshot()[1]) == 1  # type: ignore[index]
        else:
            assert scene.snapshot() == before, missing


@pytest.mark.parametrize("named", sorted(BY_TAGS))
def test_without_the_right_to_find_by_tags_it_says_so(aws: Aws, root: Key, named: str) -> None:
    scene, shop, checkout = made(aws, named, by_tags=True)
    key = aws.user(without(policy_of(shop, root), "tag:GetResources"))
    with pytest.raises(PermanentError, match="the permission tag:GetResources is missing"):
        shop.action(named, key).plan(checkout, scene.arguments)


@pytest.mark.parametrize("named", SCENES)
def test_the_policy_of_one_resource_does_not_reach_another(aws: Aws, root: Key, named: str) -> None:
    _, shop, _ = made(aws, named)
    policy = policy_of(shop, root)
    other_scene, other_shop, other = made(aws, named)
    before = other_scene.snapshot()
    try:
        done = used(other_shop.action(named, aws.user(policy)), other, other_scene)
    except PermanentError as error:
        told = str(error)
    else:
        assert done.status is ExecutionStatus.FAILED
        told = done.statement
    assert "is missing on arn:aws:" in told
    assert other_scene.snapshot() == before


@pytest.mark.parametrize("named", SCENES)
def test_a_resource_without_the_demanded_tags_is_refused_by_us_and_by_the_policy(
    aws: Aws, root: Key, named: str
) -> None:
    scene, shop, checkout = made(aws, named)
    before = scene.snapshot()
    with pytest.raises(PermanentError, match="is out of scope: it is not tagged recoverops=allowed"):
        shop.action(named, root, only_tagged={"recoverops": "allowed"}).plan(checkout, scene.arguments)
    if not scene.is_bound_by_tags:
        return
    key = aws.user(policy_of(shop, root, only_tagged={"recoverops": "allowed"}))
    try:
        done = used(shop.action(named, key), checkout, scene)  # as if our own refusal were not there
    except PermanentError as error:
        told = str(error)
    else:
        assert done.status is ExecutionStatus.FAILED
        told = done.statement
    assert "the permission" in told
    assert scene.snapshot() == before


def test_a_resource_in_scope_is_acted_on_with_the_policy_that_demands_the_tags(aws: Aws, root: Key) -> None:
    for named in SCENES:
        scene, shop, checkout = made(aws, named)
        key = aws.user(policy_of(shop, root, only_tagged={"env": "test"}))
        done = used(shop.action(named, key, only_tagged={"env": "test"}), checkout, scene)
        assert done.status is ExecutionStatus.SUCCEEDED, f"{named}: {done.statement}"


def test_every_call_is_counted_by_api_and_outcome(aws: Aws, root: Key) -> None:
    scene, shop, checkout = made(aws, "asg-scale")
    key = aws.user(without(policy_of(shop, root), "autoscaling:SetDesiredCapacity"))
    used(shop.action("asg-scale", key), checkout, scene)
    counted = {(labels["call"], labels["outcome"]) for name, labels in shop.counts.counted}
    assert ("autoscaling:DescribeAutoScalingGroups", "ok") in counted
    assert ("autoscaling:SetDesiredCapacity", "denied") in counted
    assert {name for name, _ in shop.counts.counted} == {"recoverops_plugin_calls_total"}
    assert {labels["plugin"] for _, labels in shop.counts.counted} == {"aws"}

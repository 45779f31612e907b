"""The emergency shutdown: exactly the running instances with the tags, exactly those back, failures by id."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.aws.conftest import Shop, group, instance, service
from tests.integration.aws.scene import unique_tags
from tests.integration.aws.scenes import SCENES

from recoverops.model import ExecutionStatus, PermanentError, ProbeAnswer
from recoverops.testing.aws import Aws, Key
from recoverops.testing.aws.faults import Fault

NAMED = "emergency-shutdown"


def shop_of(aws: Aws, address: str, **settings: Any) -> Shop:
    return Shop(aws=aws, services={"checkout": service("checkout", address)}, settings=settings)


def running(aws: Aws, count: int) -> tuple[list[str], str]:
    """Instances, and the tag of their address."""
    tags = unique_tags()
    return sorted(instance(aws, tags=tags) for _ in range(count)), f"tag:service={tags['service']}"


def states(aws: Aws, idents: list[str]) -> list[str]:
    pages = aws.admin("ec2").describe_instances(InstanceIds=idents)["Reservations"]
    found = {one["InstanceId"]: one["State"]["Name"] for page in pages for one in page["Instances"]}
    return [found[ident] for ident in idents]


def test_it_asks_always_and_counts_every_instance(aws: Aws, root: Key) -> None:
    idents, tag = running(aws, 3)
    shop = shop_of(aws, f"ec2 {tag} at_most=3")
    plan = shop.action(NAMED, root).plan(shop["checkout"], {})
    assert plan.always_asks == "nobody is served by these instances until they are started"
    assert f"stop all 3 running instances of checkout: {', '.join(idents)}" in plan.summary


def test_what_was_stopped_before_is_left_and_is_not_started_by_the_undo(aws: Aws, root: Key) -> None:
    idents, tag = running(aws, 3)
    aws.admin("ec2").stop_instances(InstanceIds=idents[1:2])
    shop = shop_of(aws, f"ec2 {tag} at_most=3")
    action: Any = shop.action(NAMED, root)
    plan = action.plan(shop["checkout"], {})
    assert f"{idents[1]} stopped t3.micro is left as it is" in plan.summary
    done = action.execute(plan, shop["checkout"], idempotency_key="run:1")
    assert states(aws, idents) == ["stopped"] * 3
    undone = action.undo(plan, done.after, shop["checkout"], idempotency_key="run:1:undo")
    assert undone.status is ExecutionStatus.SUCCEEDED, undone.statement
    assert states(aws, idents) == ["running", "stopped", "running"]


def test_one_that_is_refused_does_not_keep_the_others_running_and_is_named(aws: Aws, root: Key) -> None:
    idents, tag = running(aws, 3)
    shop = shop_of(aws, f"ec2 {tag} at_most=3")
    action: Any = shop.action(NAMED, root)
    plan = action.plan(shop["checkout"], {})
    aws.faults.plan("ec2:StopInstances", Fault.NONE, Fault.REFUSED)

    done = action.execute(plan, shop["checkout"], idempotency_key="run:1")

    assert done.status is ExecutionStatus.FAILED
    assert done.statement.startswith(f"2 of 3 were told to stop ({idents[0]}, {idents[2]}), but not: {idents[1]}: ")
    assert "InvalidRequest" in done.statement
    assert done.after["changed"].split() == [idents[0], idents[2]]
    assert states(aws, idents) == ["stopped", "running", "stopped"]
    assert action.probe(plan, shop["checkout"]).answer is ProbeAnswer.UNKNOWN
    undone = action.undo(plan, done.after, shop["checkout"], idempotency_key="run:1:undo")
    assert undone.status is ExecutionStatus.FAILED
    assert "nothing was touched" in undone.statement
    assert states(aws, idents) == ["stopped", "running", "stopped"]


def test_a_stop_whose_answer_is_lost_is_unknown_and_the_others_are_stopped(aws: Aws, root: Key) -> None:
    idents, tag = running(aws, 3)
    shop = shop_of(aws, f"ec2 {tag} at_most=3")
    action = shop.action(NAMED, root)
    plan = action.plan(shop["checkout"], {})
    aws.faults.plan("ec2:StopInstances", Fault.LOST)

    done = action.execute(plan, shop["checkout"], idempotency_key="run:1")

    assert done.status is ExecutionStatus.UNKNOWN
    assert f"not known: {idents[0]}: " in done.statement
    assert states(aws, idents) == ["stopped"] * 3
    assert action.probe(plan, shop["checkout"]).answer is ProbeAnswer.DONE


def test_more_instances_than_the_bound_or_none_are_refused_with_what_matched(aws: Aws, root: Key) -> None:
    idents, tag = running(aws, 3)
    shop = shop_of(aws, f"ec2 {tag} at_most=2")
    with pytest.raises(PermanentError, match=f"3 match, at most 2 may: {', '.join(idents)}"):
        shop.action(NAMED, root).plan(shop["checkout"], {})
    shop = shop_of(aws, "ec2 tag:service=nobody-at-all at_most=2")
    with pytest.raises(PermanentError, match="nothing matches"):
        shop.action(NAMED, root).plan(shop["checkout"], {})


def test_a_protected_instance_among_them_refuses_the_whole(aws: Aws, root: Key) -> None:
    idents, tag = running(aws, 2)
    shop = shop_of(aws, f"ec2 {tag} at_most=2", protected=[idents[1]])
    with pytest.raises(PermanentError, match=f"{idents[1]} is protected"):
        shop.action(NAMED, root).plan(shop["checkout"], {})
    assert states(aws, idents) == ["running"] * 2


def test_it_is_aimed_by_tags_and_not_at_members_of_a_group(aws: Aws, root: Key) -> None:
    scene = SCENES["ec2-reboot"](aws)
    for address, told in ((scene.address, "is aimed by tags"), (scene.by_tags, "belongs to the Auto Scaling group")):
        assert address is not None
        shop = shop_of(aws, address)
        with pytest.raises(PermanentError, match=told):
            shop.action(NAMED, root).plan(shop["checkout"], {})


def test_a_group_with_a_protected_member_is_neither_scaled_down_nor_refreshed(aws: Aws, root: Key) -> None:
    name = f"group-of-{unique_tags()['service']}"
    group(aws, name, desired=2, most=3, tags={})
    found = aws.admin("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    member = found["Instances"][0]["InstanceId"]
    shop = shop_of(aws, f"asg id={name}", protected=[member])
    with pytest.raises(PermanentError, match=f"{member} is protected"):
        shop.action("asg-scale", root).plan(shop["checkout"], {"count_delta": "-1"})
    with pytest.raises(PermanentError, match=f"{member} is protected"):
        shop.action("asg-refresh", root).plan(shop["checkout"], {})
    assert shop.action("asg-scale", root).plan(shop["checkout"], {"count_delta": "+1"}).before["goal"] == "3"

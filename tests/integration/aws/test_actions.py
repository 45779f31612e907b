"""Every action keeps the contract of actions, against the double of AWS with policies judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from tests.integration.aws.conftest import Shop, group, instance, service
from tests.integration.aws.scenes import SCENES

from recoverops.model import (
    EffectClass,
    ExecutionStatus,
    PermanentError,
    ProbeAnswer,
    Resource,
    ResourceKind,
)
from recoverops.ports import ReversibleAction
from recoverops.testing import Undoing, check_action
from recoverops.testing.aws import Aws, Key
from recoverops.testing.aws.faults import Fault

PLACE = {"account", "account_id", "region"}


@pytest.mark.parametrize("named", SCENES)
def test_an_action_keeps_the_contract_of_actions(aws: Aws, root: Key, named: str) -> None:
    scene = SCENES[named](aws)
    scene.break_it()
    checkout = service("checkout", scene.address)
    settings = {"actions": [named], **scene.settings}
    shop = Shop(aws=aws, services={"checkout": checkout}, settings=settings)
    action = shop.action(named, root, attempts=1, timeout="20s")  # what is cut off ends at once
    aim = action.plan(checkout, scene.arguments).aim
    assert set(aim) > PLACE, "it does not say what it chose"
    is_reversible = action.effect is EffectClass.REVERSIBLE
    check_action(
        action,
        checkout,
        scene.arguments,
        break_it=scene.break_it,
        snapshot=scene.snapshot,
        cut_off=aws.faults.cut_off,
        undoing=Undoing(restored=scene.snapshot, tamper=scene.tamper) if is_reversible else None,
    )


MUTATES = {
    "ec2-stop": "ec2:StopInstances",
    "ec2-start": "ec2:StartInstances",
    "asg-scale": "autoscaling:SetDesiredCapacity",
    "ecs-redeploy": "ecs:UpdateService",
    "ecs-rollback": "ecs:UpdateService",
    "ecs-scale": "ecs:UpdateService",
    "lambda-rollback": "lambda:UpdateAlias",
    "lambda-concurrency": "lambda:PutFunctionConcurrency",
    "rds-failover": "rds:RebootDBInstance",
    "rds-storage": "rds:ModifyDBInstance",
    "rds-class": "rds:ModifyDBInstance",
    "ebs-grow": "ec2:ModifyVolume",
    "ebs-snapshot": "ec2:CreateSnapshot",
    "ec2-terminate": "autoscaling:TerminateInstanceInAutoScalingGroup",
    "asg-refresh": "autoscaling:StartInstanceRefresh",
    "elb-target-out": "elasticloadbalancing:DeregisterTargets",
    "elb-shift-weights": "elasticloadbalancing:ModifyListener",
    "elb-shift-rule-weights": "elasticloadbalancing:ModifyRule",
    "sg-close-ingress": "ec2:RevokeSecurityGroupIngress",
    "iam-key-deactivate": "iam:UpdateAccessKey",
    "ec2-isolate": "ec2:ModifyInstanceAttribute",
    "ebs-delete-unattached": "ec2:DeleteVolume",
    "eip-release": "ec2:ReleaseAddress",
}


@pytest.mark.parametrize("named", MUTATES)
@pytest.mark.parametrize(
    ("fault", "answer"), [(Fault.LOST, ProbeAnswer.DONE), (Fault.SILENT, ProbeAnswer.NOT_DONE)], ids=["lost", "silent"]
)
def test_a_change_whose_answer_is_lost_is_unknown_and_not_repeated_and_the_probe_tells(
    aws: Aws, root: Key, calls: Callable[[], Mapping[str, int]], named: str, fault: Fault, answer: ProbeAnswer
) -> None:
    scene = SCENES[named](aws)
    scene.break_it()
    checkout = service("checkout", scene.address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings=dict(scene.settings)).action(named, root)
    plan = action.plan(checkout, scene.arguments)
    aws.faults.forget()
    aws.faults.plan(MUTATES[named], fault)

    execution = action.execute(plan, checkout, idempotency_key="run:1")

    assert execution.status is ExecutionStatus.UNKNOWN, execution.statement
    assert "it may have taken effect" in execution.statement
    assert calls()[MUTATES[named]] == 1
    assert action.probe(plan, checkout).answer is answer


def test_a_snapshot_whose_answer_is_lost_is_found_by_the_key_of_its_run_and_deleted_by_undo(
    aws: Aws, root: Key
) -> None:
    scene = SCENES["ebs-snapshot"](aws)
    checkout = service("checkout", scene.address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action("ebs-snapshot", root)
    before = scene.snapshot()
    plan = action.plan(checkout, {})
    aws.faults.plan("ec2:CreateSnapshot", Fault.LOST)
    left = action.execute(plan, checkout, idempotency_key="run:1").after
    assert scene.snapshot() != before
    reversible: ReversibleAction = action  # type: ignore[assignment]
    undone = reversible.undo(plan, left, checkout, idempotency_key="run:1:undo")
    assert undone.status is ExecutionStatus.SUCCEEDED, undone.statement
    assert scene.snapshot() == before


def test_detailed_monitoring_that_got_no_answer_is_marked_and_ends_with_its_time(aws: Aws, root: Key) -> None:
    scene = SCENES["ec2-monitoring"](aws)
    checkout = service("checkout", scene.address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action("ec2-monitoring", root)
    plan = action.plan(checkout, {})
    aws.faults.plan("ec2:MonitorInstances", Fault.SILENT)
    execution = action.execute(plan, checkout, idempotency_key="run:1")
    assert execution.status is ExecutionStatus.UNKNOWN
    assert action.probe(plan, checkout).answer is ProbeAnswer.UNKNOWN
    assert scene.snapshot() == ("disabled", ["env", "recoverops:monitoring", "service"])


def test_a_reboot_whose_answer_is_lost_stays_unknown_because_ec2_cannot_tell(aws: Aws, root: Key) -> None:
    scene = SCENES["ec2-reboot"](aws)
    checkout = service("checkout", scene.address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action("ec2-reboot", root)
    plan = action.plan(checkout, {})
    aws.faults.plan("ec2:RebootInstances", Fault.NONE, Fault.LOST)  # the dry run, then the reboot

    execution = action.execute(plan, checkout, idempotency_key="run:1")

    assert execution.status is ExecutionStatus.UNKNOWN
    assert action.probe(plan, checkout).answer is ProbeAnswer.UNKNOWN
    again = action.execute(plan, checkout, idempotency_key="run:1")
    assert again.status is ExecutionStatus.FAILED
    assert "run:1 started" in again.statement


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.NO_ROOM])
def test_a_type_that_aws_refuses_leaves_the_instance_as_it_was_and_running(aws: Aws, root: Key, fault: Fault) -> None:
    scene = SCENES["ec2-resize"](aws)
    checkout = service("checkout", scene.address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action("ec2-resize", root)
    before = scene.snapshot()
    plan = action.plan(checkout, {"type": "t3.large"})
    aws.faults.plan("ec2:StartInstances", fault)

    execution = action.execute(plan, checkout, idempotency_key="run:1")

    assert execution.status is ExecutionStatus.FAILED
    assert "started again as t3.micro, as it was" in execution.statement
    assert scene.snapshot() == before


def test_what_was_seen_before_the_action_is_kept(aws: Aws, root: Key) -> None:
    expected = {"ec2-stop": "evidence.checks", "asg-scale": "evidence.members", "ecs-rollback": "evidence.deployments"}
    expected |= {"lambda-rollback": "evidence.versions", "rds-class": "evidence.database"}
    for named, key in expected.items():
        scene = SCENES[named](aws)
        scene.break_it()
        checkout = service("checkout", scene.address)
        action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action(named, root)
        execution = action.execute(action.plan(checkout, scene.arguments), checkout, idempotency_key="run:1")
        assert key in execution.after


def test_a_group_never_loses_its_last_healthy_member_to_a_reboot(aws: Aws, root: Key) -> None:
    group(aws, "alone", desired=1, most=2, tags={})
    scaling = aws.admin("autoscaling")
    (member,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["alone"])["AutoScalingGroups"][0][
        "Instances"
    ]
    checkout = service("checkout", f"ec2 id={member['InstanceId']}")
    action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action("ec2-reboot", root)
    with pytest.raises(PermanentError, match=r"1 of 1 healthy members of the Auto Scaling group alone.*nobody healthy"):
        action.plan(checkout, {})


def test_a_plan_touches_every_service_that_lives_on_the_same_resources(aws: Aws, root: Key) -> None:
    scene = SCENES["ec2-reboot"](aws)
    assert scene.by_tags is not None
    ident = scene.address.removeprefix("ec2 id=")
    ec2 = aws.admin("ec2").describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
    owner = next(one["Value"] for one in ec2["Tags"] if one["Key"] == "aws:autoscaling:groupName")
    shop = Shop(
        aws=aws,
        services={
            "checkout": service("checkout", scene.address),
            "web": service("web", f"asg id={owner}"),
            "cart": service("cart", scene.by_tags),
            "other": service("other", "asg id=another-group"),
        },
        settings={},
    )
    plan = shop.action("ec2-reboot", root).plan(shop["checkout"], {})
    assert plan.touches == tuple(Resource(kind=ResourceKind.SERVICE, name=name) for name in ("checkout", "cart", "web"))


def test_members_of_a_group_are_not_stopped_because_the_group_would_replace_them(aws: Aws, root: Key) -> None:
    checkout = service("checkout", SCENES["ec2-reboot"](aws).address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action("ec2-stop", root)
    with pytest.raises(PermanentError, match=r"belongs to the Auto Scaling group group-of-.*aim at the group instead"):
        action.plan(checkout, {})


@pytest.mark.parametrize(
    ("delta", "told"),
    [("+5", "larger than max_step, which is 2"), ("-2", "cannot go from 2 to 0: its bounds are 1..6")],
)
def test_a_group_is_not_scaled_beyond_its_bounds_or_the_largest_step(
    aws: Aws, root: Key, delta: str, told: str
) -> None:
    checkout = service("checkout", SCENES["asg-scale"](aws).address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action("asg-scale", root)
    with pytest.raises(PermanentError, match=told):
        action.plan(checkout, {"count_delta": delta})


def test_a_tag_filter_that_matches_nothing_or_too_much_is_refused_with_what_matched(aws: Aws, root: Key) -> None:
    two = sorted(instance(aws, tags={"service": "twins"}) for _ in range(2))
    shop = Shop(
        aws=aws,
        services={
            "none": service("none", "ec2 tag:service=nobody"),
            "twins": service("twins", "ec2 tag:service=twins"),
            "both": service("both", "ec2 tag:service=twins at_most=2"),
        },
        settings={},
    )
    action = shop.action("ec2-stop", root)
    with pytest.raises(PermanentError, match=r"service=nobody of shop .*: nothing matches"):
        action.plan(shop["none"], {})
    with pytest.raises(PermanentError, match=f"2 match, at most 1 may: {', '.join(two)}; narrow the tags"):
        action.plan(shop["twins"], {})
    plan = action.plan(shop["both"], {})
    assert plan.before["instances"].split() == two
    assert action.execute(plan, shop["both"], idempotency_key="run:1").status is ExecutionStatus.SUCCEEDED


def test_a_later_change_of_the_desired_capacity_is_never_overwritten(aws: Aws, root: Key) -> None:
    scene = SCENES["asg-scale"](aws)
    checkout = service("checkout", scene.address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action("asg-scale", root)
    plan = action.plan(checkout, {"count_delta": "+1"})
    left = action.execute(plan, checkout, idempotency_key="run:1").after
    scene.tamper()
    reversible: ReversibleAction = action  # type: ignore[assignment]
    undone = reversible.undo(plan, left, checkout, idempotency_key="run:1:undo")
    assert undone.status is ExecutionStatus.FAILED
    assert "it was changed since: it is 5, expected 3" in undone.statement
    assert scene.snapshot() == 5

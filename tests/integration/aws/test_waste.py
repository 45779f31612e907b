"""Waste: what is idle, unattached or unused is told, and deleted only when nothing uses it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop, instance, service
from tests.integration.aws.scene import unique_tags
from tests.integration.aws.scenes import SCENES
from tests.integration.aws.security_scenes import listed

from recoverops.model import EffectClass, ExecutionStatus, PermanentError, Sample, UnreachableError
from recoverops.plugins.aws.assembly import ACTIONS
from recoverops.plugins.aws.sources.waste import is_idle
from recoverops.testing.aws import REGION, Aws, Key
from recoverops.testing.aws.faults import Fault

WASTE = {"waste": {"idle_for": "3h", "every": "1h"}}


def volume(aws: Aws, tags: dict[str, str]) -> str:
    spec = [{"ResourceType": "volume", "Tags": listed(tags)}]
    ident: str = aws.admin("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=8, TagSpecifications=spec)[
        "VolumeId"
    ]
    return ident


def works_at(aws: Aws, ident: str, *percents: float) -> None:
    """Its CPU in the last whole hours, the newest first. The hour that runs is like the newest, as it may end; the one
    before them all is like the oldest, as in the first minutes of an hour the look ends an hour earlier."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    aws.admin("cloudwatch").put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": ident}],
                "Timestamp": hour - timedelta(hours=number + 1) + timedelta(minutes=5),
                "Value": percent,
            }
            for number, percent in enumerate((percents[0], *percents, percents[-1]), start=-1)
        ],
    )


@pytest.fixture
def nobody_elses_waste(aws: Aws) -> None:
    """What tests before have left would be told first: of many only the first ten are named."""
    ec2 = aws.admin("ec2")
    for one in ec2.describe_volumes(Filters=[{"Name": "status", "Values": ["available"]}])["Volumes"]:
        ec2.delete_volume(VolumeId=one["VolumeId"])
    for one in ec2.describe_addresses()["Addresses"]:
        if "AssociationId" not in one:
            ec2.release_address(AllocationId=one["AllocationId"])


def polled(shop: Shop, key: Key) -> dict[str, Sample]:
    (source,) = shop.parts(key).sources
    return {one.resource.name: one for one in source.poll()}


def test_an_instance_is_idle_only_when_every_hour_is_known_and_none_was_above_the_limit() -> None:
    assert is_idle([4.9, 1.0, 0.0], hours=3, below=0.05) is True
    assert is_idle([4.9, 5.1, 0.0], hours=3, below=0.05) is False
    assert is_idle([4.9, 1.0], hours=3, below=0.05) is None
    assert is_idle([99.0], hours=3, below=0.05) is False
    assert is_idle([], hours=3, below=0.05) is None


@pytest.mark.usefixtures("nobody_elses_waste")
def test_services_are_told_what_of_theirs_is_wasted_and_nothing_about_what_is_not_known(aws: Aws, root: Key) -> None:
    idle, busy, new = (instance(aws, tags=unique_tags()) for _ in range(3))
    works_at(aws, idle, 1.0, 2.0, 0.5)
    works_at(aws, busy, 1.0, 60.0, 0.5)
    works_at(aws, new, 1.0)
    attached, tags = volume(aws, unique_tags()), unique_tags()
    aws.admin("ec2").attach_volume(VolumeId=attached, InstanceId=busy, Device="/dev/sdf")
    lonely = volume(aws, tags)
    unused = aws.admin("ec2").allocate_address(Domain="vpc")["AllocationId"]
    used = aws.admin("ec2").allocate_address(Domain="vpc")["AllocationId"]
    aws.admin("ec2").associate_address(AllocationId=used, InstanceId=busy)
    addresses = {
        "idle": f"ec2 id={idle}",
        "busy": f"ec2 id={busy}",
        "new": f"ec2 id={new}",
        "attached": f"ebs id={attached}",
        "lonely": f"ebs tag:service={tags['service']}",
        "gone": "ebs id=vol-00000000",
        "unused": f"eip id={unused}",
        "used": f"eip id={used}",
        "group": "asg id=anything",
    }
    services = {name: service(name, address) for name, address in addresses.items()}
    shop = Shop(aws=aws, services=services, settings={"actions": [], **WASTE})

    found = polled(shop, root)

    assert {name: (one.metric, one.value) for name, one in found.items()} == {
        "idle": ("aws.waste.idle", 1.0),
        "busy": ("aws.waste.idle", 0.0),
        "attached": ("aws.waste.unattached", 0.0),
        "lonely": ("aws.waste.unattached", 1.0),
        "unused": ("aws.waste.unassociated", 1.0),
        "used": ("aws.waste.unassociated", 0.0),
    }
    assert lonely in found["lonely"].detail
    told = next(one for one in shop.parts(root).checks if one.name == "aws waste in shop").look()
    assert told.startswith(f"{REGION}: ")
    for ident in (idle, lonely, unused):
        assert ident in told
    for ident in (busy, attached, used):
        assert ident not in told
    assert "running without a CPU value for every hour, not judged" in told


def test_the_source_works_with_its_policy_and_names_what_is_missing_of_it(aws: Aws, root: Key) -> None:
    shop = Shop(aws=aws, services={"disk": service("disk", "ebs id=vol-00000000")}, settings={"actions": [], **WASTE})
    (policy,) = shop.parts(root).policies
    document = json.loads(policy.document)
    assert polled(shop, aws.user(document)) == {}
    needed = [one for statement in document["Statement"] for one in statement["Action"]]
    assert sorted(needed) == [
        "cloudwatch:GetMetricData",
        "ec2:DescribeAddresses",
        "ec2:DescribeInstances",
        "ec2:DescribeVolumes",
    ]
    works_at(aws, instance(aws, tags=unique_tags()), 1.0)
    for missing in needed:
        (statement,) = document["Statement"]
        fewer = {**document, "Statement": [{**statement, "Action": [one for one in needed if one != missing]}]}
        with pytest.raises(UnreachableError, match=f"the permission {missing} is missing"):
            polled(shop, aws.user(fewer))


def test_being_cut_off_is_an_error_and_no_waste(aws: Aws, root: Key) -> None:
    shop = Shop(aws=aws, services={}, settings={"actions": [], "timeout": "200ms", "attempts": 1, **WASTE})
    (source,) = shop.parts(root).sources
    with aws.faults.cut_off(), pytest.raises(UnreachableError, match="AWS does not tell what is wasted"):
        source.poll()


@pytest.mark.parametrize("named", ["ebs-delete-unattached", "eip-release"])
def test_what_is_deleted_for_good_asks_always(named: str) -> None:
    assert next(one for one in ACTIONS if one.name == named).effect is EffectClass.IRREVERSIBLE


def test_a_volume_that_is_attached_is_not_deleted_neither_before_nor_after_its_snapshot(aws: Aws, root: Key) -> None:
    scene = SCENES["ebs-delete-unattached"](aws)
    ident, ec2 = scene.address.removeprefix("ebs id="), aws.admin("ec2")
    shop = Shop(aws=aws, services={"disk": service("disk", scene.address)}, settings={})
    action = shop.action("ebs-delete-unattached", root)
    plan = action.plan(shop["disk"], {})
    user = instance(aws, tags=unique_tags())
    ec2.attach_volume(VolumeId=ident, InstanceId=user, Device="/dev/sdf")

    done = action.execute(plan, shop["disk"], idempotency_key="run:1")

    assert done.status is ExecutionStatus.FAILED
    assert f"attached to {user}; only an unattached volume is deleted" in done.statement
    assert scene.snapshot() == (["in-use"], 0)
    with pytest.raises(PermanentError, match="only an unattached volume is deleted"):
        action.plan(shop["disk"], {})


def test_a_deletion_that_stopped_after_its_snapshot_goes_on_with_the_same_snapshot(aws: Aws, root: Key) -> None:
    scene = SCENES["ebs-delete-unattached"](aws)
    shop = Shop(aws=aws, services={"disk": service("disk", scene.address)}, settings={})
    action = shop.action("ebs-delete-unattached", root)
    plan = action.plan(shop["disk"], {})
    aws.faults.plan("ec2:DeleteVolume", Fault.REFUSED)
    first = action.execute(plan, shop["disk"], idempotency_key="run:1")
    assert first.status is ExecutionStatus.FAILED
    assert "was begun and the volume is untouched, but" in first.statement
    assert scene.snapshot() == (["available"], 1)

    second = action.execute(plan, shop["disk"], idempotency_key="run:1")

    assert second.status is ExecutionStatus.SUCCEEDED, second.statement
    assert scene.snapshot() == ([], 1)
    assert first.after["snapshot"] == second.after["snapshot"]
    ident = scene.address.removeprefix("ebs id=")
    by_id = [{"Name": "volume-id", "Values": [ident]}]
    (kept,) = aws.admin("ec2").describe_snapshots(Filters=by_id)["Snapshots"]
    tags = {one["Key"]: one["Value"] for one in kept["Tags"]}
    assert tags["recoverops:deleted-by"] == "run:1"
    assert tags["env"] == "test"


def test_an_address_that_is_used_again_is_not_released(aws: Aws, root: Key) -> None:
    scene = SCENES["eip-release"](aws)
    allocation = scene.address.removeprefix("eip id=")
    shop = Shop(aws=aws, services={"address": service("address", scene.address)}, settings={})
    action = shop.action("eip-release", root)
    plan: Any = action.plan(shop["address"], {})
    user = instance(aws, tags=unique_tags())
    aws.admin("ec2").associate_address(AllocationId=allocation, InstanceId=user)
    done = action.execute(plan, shop["address"], idempotency_key="run:1")
    assert done.status is ExecutionStatus.FAILED
    assert "only an unused one is released" in done.statement
    assert scene.snapshot() == [allocation]


@pytest.mark.parametrize(("kind", "named"), [("ebs", "ebs-delete-unattached"), ("eip", "eip-release")])
def test_tags_that_match_nothing_or_two_are_refused_with_what_matched(
    aws: Aws, root: Key, kind: str, named: str
) -> None:
    tags = unique_tags()
    shop = Shop(aws=aws, services={"it": service("it", f"{kind} tag:service={tags['service']}")}, settings={})
    action = shop.action(named, root)
    with pytest.raises(PermanentError, match="nothing matches"):
        action.plan(shop["it"], {})
    if kind == "ebs":
        two = [volume(aws, tags) for _ in range(2)]
    else:
        spec = [{"ResourceType": "elastic-ip", "Tags": listed(tags)}]
        ec2 = aws.admin("ec2")
        two = [ec2.allocate_address(Domain="vpc", TagSpecifications=spec)["AllocationId"] for _ in range(2)]
    with pytest.raises(PermanentError, match=f"2 match, at most 1 may: {', '.join(sorted(two))}"):
        action.plan(shop["it"], {})


@pytest.mark.parametrize(("kind", "named"), [("ebs", "ebs-delete-unattached"), ("eip", "eip-release")])
def test_another_one_with_the_same_tags_is_another_plan(aws: Aws, root: Key, kind: str, named: str) -> None:
    tags, ec2 = unique_tags(), aws.admin("ec2")
    shop = Shop(aws=aws, services={"it": service("it", f"{kind} tag:service={tags['service']}")}, settings={})
    action, spec = shop.action(named, root), [{"ResourceType": "elastic-ip", "Tags": listed(tags)}]

    def made() -> str:
        if kind == "ebs":
            return volume(aws, tags)
        ident: str = ec2.allocate_address(Domain="vpc", TagSpecifications=spec)["AllocationId"]
        return ident

    first = made()
    shown = action.plan(shop["it"], {})
    assert action.plan(shop["it"], {}).hash == shown.hash
    # when it is gone, and another one has its tags
    ec2.delete_volume(VolumeId=first) if kind == "ebs" else ec2.release_address(AllocationId=first)
    made()
    # then what was asked about the first one is no yes to the second
    assert action.plan(shop["it"], {}).hash != shown.hash

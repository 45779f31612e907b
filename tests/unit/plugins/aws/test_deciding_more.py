"""What the actions on services, functions and databases decide, without AWS."""

from __future__ import annotations

import msgspec
import pytest

from recoverops.model import EffectClass, PermanentError, Plan, ProbeAnswer, Resource, ResourceKind
from recoverops.plugins.aws.action_bounds import BoundsSettings
from recoverops.plugins.aws.actions import asg_refresh, ebs_snapshot, ec2_terminate, rds_failover, rds_storage
from recoverops.plugins.aws.actions.ecs_scale import count_of
from recoverops.plugins.aws.actions.lambda_concurrency import check_reserved
from recoverops.plugins.aws.databases import Database, check_ready
from recoverops.plugins.aws.ecs import EcsService
from recoverops.plugins.aws.functions import Alias, previous_version, routing_of
from recoverops.plugins.aws.groups import Group, Member
from recoverops.plugins.aws.growth import grown
from recoverops.plugins.aws.volumes import Snapshot

ORDERS = Database(
    id="orders",
    state="available",
    cls="db.t3.micro",
    storage=20,
    zone="eu-central-1a",
    standby="eu-central-1b",
    is_spread=True,
    cluster="",
    pending={},
    tags={},
)


def plan(**before: str) -> Plan:
    return Plan(
        action="a",
        effect=EffectClass.RESTORATIVE,
        target=Resource(kind=ResourceKind.SERVICE, name="shop"),
        arguments={},
        touches=(),
        summary="",
        before=before,
        timeout_s=1,
    )


def ecs(desired: int, *, is_daemon: bool = False) -> EcsService:
    return EcsService(
        ident="shop/cart",
        revision="cart:1",
        running=1,
        desired=desired,
        deployments=(),
        events=(),
        tags={},
        is_daemon=is_daemon,
    )


@pytest.mark.parametrize(("desired", "delta", "goal"), [(2, +1, 3), (2, -1, 1), (12, -2, 10)])
def test_a_step_of_tasks_within_the_bounds_is_taken(desired: int, delta: int, goal: int) -> None:
    assert count_of(ecs(desired), delta, max_step=2, most=10) == goal


@pytest.mark.parametrize(
    ("service", "delta", "told"),
    [
        (ecs(2), +3, "larger than max_step"),
        (ecs(1), -1, "no task would be left"),
        (ecs(10), +1, "bounds.max_tasks is 10"),
        (ecs(2, is_daemon=True), +1, "DAEMON"),
    ],
)
def test_a_step_of_tasks_beyond_the_bounds_is_refused(service: EcsService, delta: int, told: str) -> None:
    with pytest.raises(PermanentError, match=told):
        count_of(service, delta, max_step=2, most=10)


def alias(version: str, **also: float) -> Alias:
    return Alias(function="pay", name="live", version=version, also=also, revision="r")


def test_an_alias_goes_back_to_the_newest_version_below_it() -> None:
    assert previous_version(alias("10"), ["$LATEST", "2", "9", "10", "11"]) == "9"


def test_while_another_version_gets_a_share_the_way_back_is_the_main_one_alone() -> None:
    assert previous_version(alias("7", **{"8": 0.1}), ["6", "7", "8"]) == "7"


@pytest.mark.parametrize(("version", "told"), [("1", "there is no earlier one"), ("$LATEST", "no version before it")])
def test_an_alias_without_a_version_before_it_stays(version: str, told: str) -> None:
    with pytest.raises(PermanentError, match=told):
        previous_version(alias(version), ["$LATEST", "1", "2"])


@pytest.mark.parametrize("one", [alias("7"), alias("7", **{"8": 0.1}), alias("$LATEST", **{"3": 0.25, "4": 0.5})])
def test_what_an_alias_tells_is_what_it_is_set_to_by_an_undo(one: Alias) -> None:
    assert routing_of(one.told) == (one.version, one.also)


def test_concurrency_is_bound_and_removing_it_is_not() -> None:
    check_reserved("pay", "none", "100", most=100)
    check_reserved("pay", "500", "none", most=100)
    with pytest.raises(PermanentError, match="max_reserved_concurrency is 100"):
        check_reserved("pay", "none", "101", most=100)
    with pytest.raises(PermanentError, match="is none already"):
        check_reserved("pay", "none", "none", most=100)


def test_growth_is_rounded_up_and_bound_in_percent_and_in_size() -> None:
    bounds = BoundsSettings(max_growth_percent=50, max_storage_gib=100)
    assert grown("orders", 21, 10, bounds) == 24
    with pytest.raises(PermanentError, match="max_growth_percent is 50"):
        grown("orders", 20, 51, bounds)
    with pytest.raises(PermanentError, match=r"cannot grow to 120 GiB: bounds\.max_storage_gib is 100"):
        grown("orders", 80, 50, bounds)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cluster": "aurora"}, "belongs to the cluster aurora"),
        ({"state": "backing-up"}, "is backing-up, expected available"),
        ({"pending": {"EngineVersion": "17"}}, r"changes that wait \(EngineVersion\)"),
    ],
)
def test_a_database_that_is_not_ready_is_not_changed(change: dict[str, object], told: str) -> None:
    with pytest.raises(PermanentError, match=told):
        check_ready(msgspec.structs.replace(ORDERS, **change))


def test_without_a_standby_there_is_no_failover() -> None:
    with pytest.raises(PermanentError, match="no standby"):
        rds_failover.check_may_fail_over(msgspec.structs.replace(ORDERS, is_spread=False, standby=""))


@pytest.mark.parametrize(
    ("zone", "state", "answer"),
    [
        ("eu-central-1a", "available", ProbeAnswer.NOT_DONE),
        ("eu-central-1a", "rebooting", ProbeAnswer.UNKNOWN),
        ("eu-central-1b", "rebooting", ProbeAnswer.UNKNOWN),
        ("eu-central-1b", "available", ProbeAnswer.DONE),
        ("eu-central-1c", "available", ProbeAnswer.UNKNOWN),
    ],
)
def test_the_zones_tell_whether_the_standby_has_taken_over(zone: str, state: str, answer: ProbeAnswer) -> None:
    made = plan(zone="eu-central-1a", standby="eu-central-1b")
    assert rds_failover.judge(made, msgspec.structs.replace(ORDERS, zone=zone, state=state)).answer is answer


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({}, ProbeAnswer.NOT_DONE),
        ({"storage": 24}, ProbeAnswer.DONE),
        ({"pending": {"AllocatedStorage": "24"}, "state": "modifying"}, ProbeAnswer.DONE),
        ({"pending": {"AllocatedStorage": "30"}}, ProbeAnswer.UNKNOWN),
        ({"storage": 22}, ProbeAnswer.UNKNOWN),
    ],
)
def test_storage_that_aws_has_accepted_counts_as_grown(change: dict[str, object], answer: ProbeAnswer) -> None:
    made = plan(storage="20", goal="24")
    assert rds_storage.judge(made, msgspec.structs.replace(ORDERS, **change)).answer is answer


def group(healthy: int, sick: int = 0) -> Group:
    members = [Member(id=f"i-{number}", is_healthy=number < healthy, told="") for number in range(healthy + sick)]
    return Group(name="web", smallest=0, largest=9, desired=2, members=tuple(members), tags={})


@pytest.mark.parametrize(
    ("healthy", "min_healthy", "told"),
    [(10, 90, "1 of 10"), (3, 90, "1 of 3"), (10, 50, "5 of 10"), (1, 100, "0 of 1"), (3, 100, "0 of 3")],
)
def test_a_refresh_takes_at_least_one_at_a_time_unless_new_ones_start_first(
    healthy: int, min_healthy: int, told: str
) -> None:
    assert asg_refresh.check_refresh(group(healthy), min_healthy, largest_share=0.5).startswith(told)


def test_a_refresh_never_takes_the_last_healthy_member_or_too_many() -> None:
    with pytest.raises(PermanentError, match=r"nobody healthy would be left\. Set bounds"):
        asg_refresh.check_refresh(group(1, sick=4), 90, largest_share=1.0)
    with pytest.raises(PermanentError, match="allowed is a share of 20%"):
        asg_refresh.check_refresh(group(4), 90, largest_share=0.2)


def test_of_several_sick_members_none_is_chosen() -> None:
    with pytest.raises(PermanentError, match=r"2 members that AWS calls sick .* name one as instance"):
        ec2_terminate.chosen(group(2, sick=2), {"i-2": "a", "i-3": "b"}, None, ours=False)


def test_who_is_sick_by_the_load_balancer_does_not_count_as_healthy_for_the_others() -> None:
    left = ec2_terminate.without(group(2), {"i-0": "the load balancer says so"})
    assert left.healthy == frozenset({"i-1"})


def test_a_snapshot_is_deleted_only_with_the_key_of_its_run() -> None:
    mine = Snapshot(id="snap-1", state="completed", progress="", key="run:1")
    theirs = Snapshot(id="snap-2", state="completed", progress="", key="run:2")
    left = {"snapshot": "snap-1", "key": "run:1"}
    assert ebs_snapshot.judge(left, (theirs, mine)).answer is ProbeAnswer.NOT_DONE
    assert ebs_snapshot.judge({**left, "key": "run:2"}, (theirs, mine)).answer is ProbeAnswer.UNKNOWN
    assert ebs_snapshot.judge(left, (theirs,)).answer is ProbeAnswer.DONE
    assert ebs_snapshot.judge({}, (mine,)).answer is ProbeAnswer.UNKNOWN
    assert ebs_snapshot.of_the_run({"key": "run:1"}, (theirs, mine)) is mine, (
        "found by its key when the answer was lost"
    )

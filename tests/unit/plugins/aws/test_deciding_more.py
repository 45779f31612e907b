"""What the actions on services, functions and databases decide, without AWS."""

from __future__ import annotations

import msgspec
import pytest

from recoverops.model import EffectClass, PermanentError, Plan, ProbeAnswer, Resource, ResourceKind
from recoverops.plugins.aws.action_bounds import BoundsSettings
from recoverops.plugins.aws.actions import rds_failover, rds_storage
from recoverops.plugins.aws.actions.ecs_scale import count_of
from recoverops.plugins.aws.actions.lambda_concurrency import check_reserved
from recoverops.plugins.aws.databases import Database, check_ready
from recoverops.plugins.aws.ecs import EcsService
from recoverops.plugins.aws.functions import Alias, previous_version, routing_of
from recoverops.plugins.aws.growth import grown

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

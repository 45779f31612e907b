"""What the actions decide, without AWS."""

from __future__ import annotations

import msgspec
import pytest

from recoverops.model import PermanentError
from recoverops.plugins.aws.actions.asg_scale import goal_of
from recoverops.plugins.aws.ecs import Deployment, EcsService, described_service, previous_revision
from recoverops.plugins.aws.groups import Group, Member, check_share
from recoverops.plugins.aws.instances import Instance, check_may_stop


def group(healthy: int, sick: int = 0, *, desired: int = 2, smallest: int = 0) -> Group:
    members = [Member(id=f"i-{number}", is_healthy=number < healthy, told="") for number in range(healthy + sick)]
    return Group(name="web", smallest=smallest, largest=4, desired=desired, members=tuple(members), tags={})


def test_half_of_a_group_may_go_and_more_may_not() -> None:
    assert check_share(group(4), ["i-0", "i-1"], largest_share=0.5).startswith("2 of 4 healthy members")
    with pytest.raises(PermanentError, match=r"3 of 4 healthy members .* allowed is a share of 50%"):
        check_share(group(4), ["i-0", "i-1", "i-2"], largest_share=0.5)


def test_the_last_healthy_member_stays_whatever_share_is_allowed() -> None:
    with pytest.raises(PermanentError, match="nobody healthy would be left"):
        check_share(group(1, sick=3), ["i-0"], largest_share=1.0)


def test_members_that_are_sick_anyway_do_not_count() -> None:
    assert check_share(group(1, sick=3), ["i-1", "i-2"], largest_share=0.5).startswith("0 of 1 healthy members")


@pytest.mark.parametrize(("desired", "delta", "goal"), [(2, +1, 3), (2, +2, 4), (2, -1, 1)])
def test_a_step_within_the_bounds_is_taken(desired: int, delta: int, goal: int) -> None:
    assert goal_of(group(2, desired=desired), delta, max_step=2) == goal


@pytest.mark.parametrize(
    ("desired", "delta", "told"),
    [(2, +3, "larger than max_step"), (4, +1, "its bounds are 0..4"), (1, -1, "would have no member left")],
)
def test_a_step_out_of_the_bounds_or_to_nobody_is_refused(desired: int, delta: int, told: str) -> None:
    with pytest.raises(PermanentError, match=told):
        goal_of(group(2, desired=desired), delta, max_step=2)


def ecs(revision: str, *replaced: str) -> EcsService:
    deployments = [Deployment(id="new", is_primary=True, revision=revision)]
    deployments += [Deployment(id="old", is_primary=False, revision=one) for one in replaced]
    return EcsService(
        ident="shop/cart",
        revision=revision,
        running=1,
        desired=1,
        deployments=tuple(deployments),
        events=(),
        tags={},
    )


def test_a_rollback_goes_to_what_is_being_replaced() -> None:
    assert previous_revision(ecs("cart:9", "cart:4"), ["cart:8"]) == "cart:4"


def test_what_ecs_is_going_back_from_is_no_goal() -> None:
    """The circuit breaker, or a person, went from 7 to 6: what is replaced is what had failed."""
    with pytest.raises(PermanentError, match="on its way back already, from cart:7 to cart:6"):
        previous_revision(ecs("cart:6", "cart:7"), ["cart:5", "cart:6", "cart:7"])


@pytest.mark.parametrize("also_there", [("cart:4",), ()])
def test_what_ecs_has_given_up_is_no_goal(also_there: tuple[str, ...]) -> None:
    """A person deployed 6 over the failed 5, and 6 is bad as well."""
    found = ecs("cart:6")
    failed = Deployment(id="old", is_primary=False, revision="cart:5", is_failed=True)
    others = [Deployment(id="older", is_primary=False, revision=one) for one in also_there]
    service = msgspec.structs.replace(found, deployments=(*found.deployments, failed, *others))
    assert previous_revision(service, ["cart:3", "cart:4", "cart:5", "cart:6"]) == "cart:4"


def test_after_ecs_went_back_by_itself_nobody_goes_further() -> None:
    with pytest.raises(PermanentError, match="ECS went back by itself"):
        previous_revision(msgspec.structs.replace(ecs("cart:6"), was_rolled_back=True), ["cart:5", "cart:6", "cart:7"])


@pytest.mark.parametrize(
    ("event", "went_back"),
    [
        ("(service cart) rolling back to (deployment ecs-svc/6).", True),
        ("(service cart) (deployment ecs-svc/1) was rolled back to (deployment ecs-svc/6)", True),
        ("(service cart) rolling back to (deployment ecs-svc/4).", False),
        ("(service cart) (deployment ecs-svc/6) deployment completed.", False),
    ],
)
def test_ecs_says_in_its_events_that_it_went_back(event: str, went_back: bool) -> None:
    described = {
        "taskDefinition": "arn:aws:ecs:eu-central-1:1:task-definition/cart:6",
        "runningCount": 1,
        "desiredCount": 1,
        "deployments": [{"id": "ecs-svc/6", "status": "PRIMARY", "taskDefinition": "cart:6"}],
        "events": [{"message": "(service cart) has reached a steady state."}] * 9 + [{"message": event}],
    }
    assert described_service("shop/cart", described).was_rolled_back is went_back


def test_else_to_the_newest_active_revision_below_whatever_the_order() -> None:
    assert previous_revision(ecs("cart:10"), ["cart:2", "cart:9", "cart:11", "cart:10", "other:9"]) == "cart:9"


def test_without_an_earlier_revision_there_is_nothing_to_roll_back_to() -> None:
    with pytest.raises(PermanentError, match="runs cart:1, and no earlier revision is active"):
        previous_revision(ecs("cart:1"), ["cart:1", "cart:2"])


def test_a_root_on_an_instance_store_is_never_stopped() -> None:
    one = Instance(
        id="i-1",
        state="running",
        type="m1.small",
        root="instance-store",
        launched="",
        tags={},
        has_changing_address=False,
    )
    with pytest.raises(PermanentError, match="a stop would delete it"):
        check_may_stop([one])

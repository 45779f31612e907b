"""The generated policy: as small as AWS allows, and every statement explained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.plugins.aws.declared import DECLARED

from recoverops.plugins.aws.address import Address, Kind, Place
from recoverops.plugins.aws.assembly import ACTIONS, enabled_actions
from recoverops.plugins.aws.grants import ARNS, Grant
from recoverops.plugins.aws.policy import policies_of
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.plugins.aws.sources.metrics import GRANTS
from recoverops.ports import Policy

SHOP = AccountSettings(name="shop", id="111111111111", regions=("eu-central-1",))
PLACE = Place(account="shop", account_id="111111111111", region="eu-central-1")
REBOOT = Grant(action="ec2:RebootInstances", on=Kind.EC2, why="to reboot")
LOOK = Grant(action="ec2:DescribeInstances", why="to look", no_resource="none there", changes=False)
ONE = Address(kind=Kind.EC2, place=PLACE, id="i-0123456789abcdef0")
TWO = Address(kind=Kind.EC2, place=PLACE, id="i-0fedcba9876543210")
TAGGED = Address(kind=Kind.EC2, place=PLACE, tags={"service": "cart"})


def made(*grants: Grant, on: tuple[Address, ...], only_tagged: Mapping[str, str] | None = None) -> Policy:
    (policy,) = policies_of((SHOP,), grants, on, only_tagged=only_tagged or {})
    return policy


def statements(policy: Policy) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(policy.document)["Statement"]
    return found


def test_an_address_with_an_id_is_exactly_that_resource() -> None:
    (statement,) = statements(made(REBOOT, on=(ONE,)))
    assert statement["Resource"] == "arn:aws:ec2:eu-central-1:111111111111:instance/i-0123456789abcdef0"
    assert "Condition" not in statement


def test_several_resources_with_the_same_rights_share_a_statement() -> None:
    (statement,) = statements(made(REBOOT, on=(ONE, TWO)))
    assert [one.rpartition("/")[2] for one in statement["Resource"]] == [ONE.id, TWO.id]


def test_an_address_by_tags_demands_the_tags() -> None:
    (statement,) = statements(made(REBOOT, on=(TAGGED,), only_tagged={"env": "test"}))
    assert statement["Resource"] == "arn:aws:ec2:eu-central-1:111111111111:instance/*"
    assert statement["Condition"] == {
        "StringEquals": {"aws:ResourceTag/env": "test", "aws:ResourceTag/service": "cart"}
    }


def test_what_only_reads_need_not_carry_the_demanded_tags() -> None:
    reads = Grant(action="ecs:DescribeServices", on=Kind.ECS, why="to look", changes=False)
    address = Address(kind=Kind.ECS, place=PLACE, id="shop/cart")
    (statement,) = statements(made(reads, on=(address,), only_tagged={"env": "test"}))
    assert "Condition" not in statement


def test_a_call_without_resources_is_bound_to_the_regions_and_says_why_it_is_so_wide() -> None:
    policy = made(LOOK, on=(ONE,))
    (statement,) = statements(policy)
    assert statement["Resource"] == "*"
    assert statement["Condition"] == {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}
    assert policy.explained == {"RecoverOps1": "ec2:DescribeInstances: to look (none there)"}


def test_without_an_address_of_its_kind_nothing_is_granted() -> None:
    assert statements(made(REBOOT, on=(Address(kind=Kind.ASG, place=PLACE, id="web"),))) == []


def test_a_role_in_an_account_has_its_own_policy_and_the_credentials_in_use_may_only_assume_it() -> None:
    role = "arn:aws:iam::222222222222:role/recoverops"
    lab = AccountSettings(name="lab", id="222222222222", regions=("eu-west-1",), role=role)
    base, shop, other = policies_of((SHOP, lab), (REBOOT,), (ONE,), only_tagged={})
    assert statements(base) == [
        {"Sid": "RecoverOps1", "Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": role}
    ]
    assert (shop.name, other.name) == (
        "account shop (111111111111): credentials in use",
        f"account lab (222222222222): role {role}",
    )
    assert statements(shop)
    assert not statements(other)


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_other_partitions_have_other_names(region: str) -> None:
    place = Place(account="shop", account_id="111111111111", region=region)
    (statement,) = statements(made(REBOOT, on=(Address(kind=Kind.EC2, place=place, id=ONE.id),)))
    assert statement["Resource"].startswith(("arn:aws-cn:", "arn:aws-us-gov:"))


EVERY = [(action.name, grant) for action in enabled_actions(DECLARED) for grant in action.grants_under(DECLARED)] + [
    ("metrics", one) for one in GRANTS
]


@pytest.mark.parametrize(("owner", "grant"), EVERY, ids=lambda one: getattr(one, "action", one))
def test_every_grant_is_explained_and_has_resources_or_a_reason_why_not(owner: str, grant: Grant) -> None:
    assert grant.why
    assert sum((grant.on is not None, bool(grant.arn), bool(grant.no_resource))) == 1, owner
    assert grant.arn != "*", owner
    if grant.no_resource:
        assert not grant.changes, f"{owner}: {grant.action} changes something on any resource"


def test_there_is_an_arn_for_every_kind_and_a_name_for_every_action() -> None:
    assert set(ARNS) == set(Kind)
    wanted = [action.name for action in ACTIONS]
    assert [action.name for action in enabled_actions(DECLARED)][: len(wanted)] == wanted

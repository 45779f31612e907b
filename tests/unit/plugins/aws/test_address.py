"""The address `aws` of a service: what it means, and what is refused."""

from __future__ import annotations

import pytest

from recoverops.model import MisconfiguredError, PermanentError, Service
from recoverops.plugins.aws.address import Address, Kind, Place, address_of
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.plugins.aws.targets import chosen_from

SHOP = AccountSettings(name="shop", id="111111111111", regions=("eu-central-1",))
LAB = AccountSettings(name="lab", id="222222222222", regions=("eu-west-1", "us-east-1"))
PLACE = Place(account="shop", account_id="111111111111", region="eu-central-1")


def read(text: str, *accounts: AccountSettings) -> Address:
    return address_of(Service(name="checkout", group="shop", address={"aws": text}), accounts or (SHOP,))


def test_with_one_account_and_one_region_neither_need_be_said() -> None:
    assert read("ec2 id=i-0123456789abcdef0") == Address(kind=Kind.EC2, place=PLACE, id="i-0123456789abcdef0")


def test_tags_choose_up_to_a_bound_which_is_one_unless_it_is_said() -> None:
    assert read("asg tag:service=checkout").at_most == 1
    assert read("ec2 tag:service=checkout 'tag:team name=the shop' at_most=3") == Address(
        kind=Kind.EC2, place=PLACE, tags={"service": "checkout", "team name": "the shop"}, at_most=3
    )


@pytest.mark.parametrize(
    ("text", "kind", "ident"),
    [
        ("ec2 arn=arn:aws:ec2:us-east-1:222222222222:instance/i-0123456789abcdef0", Kind.EC2, "i-0123456789abcdef0"),
        ("ecs arn=arn:aws:ecs:us-east-1:222222222222:service/shop/cart", Kind.ECS, "shop/cart"),
        ("lambda arn=arn:aws:lambda:us-east-1:222222222222:function:pay", Kind.LAMBDA, "pay"),
        ("ebs arn=arn:aws:ec2:us-east-1:222222222222:volume/vol-0123456789abcdef0", Kind.EBS, "vol-0123456789abcdef0"),
        (
            "elb-listener arn=arn:aws:elasticloadbalancing:us-east-1:222222222222:listener/app/shop/0a1b/2c3d",
            Kind.ELB_LISTENER,
            "app/shop/0a1b/2c3d",
        ),
        (
            "elb-rule arn=arn:aws:elasticloadbalancing:us-east-1:222222222222:listener-rule/app/shop/0a1b/2c3d/4e5f",
            Kind.ELB_RULE,
            "app/shop/0a1b/2c3d/4e5f",
        ),
        ("rds arn=arn:aws:rds:us-east-1:222222222222:db:orders", Kind.RDS, "orders"),
        (
            "asg arn=arn:aws:autoscaling:us-east-1:222222222222:autoScalingGroup:0:autoScalingGroupName/web",
            Kind.ASG,
            "web",
        ),
    ],
)
def test_an_arn_says_account_region_and_id(text: str, kind: Kind, ident: str) -> None:
    found = read(text, SHOP, LAB)
    assert (found.kind, found.id, found.place.account, found.place.region) == (kind, ident, "lab", "us-east-1")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "begins with ''"),
        ("vm id=1", "begins with 'vm', expected one of ec2, asg, ecs"),
        ("ec2", "say exactly one of id=, arn= and tag:"),
        ("ec2 id=i-0123456789abcdef0 tag:a=b", "say exactly one of"),
        ("ec2 id=*", "the id '\\*' is not one of ec2"),
        ("asg id=web-*", "is not one of asg"),
        ("ecs id=checkout", "e.g. cluster/service"),
        ("elb-listener tag:service=web", "named by id= or arn=; tags do not choose one"),
        ("elb-rule id=app/shop/0a1b/2c3d", "e.g. app/shop/"),
        ("ebs id=i-0123456789abcdef0", "e.g. vol-0123456789abcdef0"),
        ("ec2 name=web", "'name' is not known"),
        ("ec2 tag:=x", "empty or given twice"),
        ("ec2 tag:a=1 tag:a=2", "empty or given twice"),
        ("ec2 tag:a", "not of the form key=value"),
        ("ec2 tag:a=b at_most=0", "at_most is '0', expected 1 to 50"),
        ("ec2 tag:a=b at_most=many", "expected 1 to 50"),
        ("ec2 tag:a=b region=eu-west-3", "eu-west-3 is no region of account shop"),
        ("ec2 tag:a=b account=prod", "write account=<name>, one of: shop"),
        ("ec2 arn=arn:aws:ec2:eu-central-1:333333333333:instance/i-0123456789abcdef0", "which account"),
        ("ec2 'tag:a=b", "No closing quotation"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_way_out(text: str, told: str) -> None:
    with pytest.raises(MisconfiguredError, match=told) as refused:
        read(text)
    assert 'service "checkout"' in str(refused.value)


def test_with_several_accounts_or_regions_it_has_to_be_said() -> None:
    with pytest.raises(MisconfiguredError, match="which account"):
        read("ec2 tag:a=b", SHOP, LAB)
    with pytest.raises(MisconfiguredError, match="which region; write region=<name>, one of: eu-west-1, us-east-1"):
        read("ec2 tag:a=b account=lab", SHOP, LAB)
    assert read("ec2 tag:a=b account=lab region=us-east-1", SHOP, LAB).place.region == "us-east-1"


def test_a_choice_of_none_or_too_many_is_refused_with_the_list() -> None:
    address = read("ec2 tag:a=b at_most=2")
    assert chosen_from(address, ("i-1", "i-2")) == ("i-1", "i-2")
    with pytest.raises(PermanentError, match="nothing matches"):
        chosen_from(address, ())
    with pytest.raises(PermanentError, match="3 match, at most 2 may: i-1, i-2, i-3"):
        chosen_from(address, ("i-3", "i-2", "i-1"))
    with pytest.raises(PermanentError, match=r"30 match.* and 10 more"):
        chosen_from(address, tuple(f"i-{number}" for number in range(30)))

"""Whom closing a rule would cut off, and how a rule is opened again. Pure."""

from __future__ import annotations

import pytest

from recoverops.model import PermanentError
from recoverops.plugins.aws import AwsSettings
from recoverops.plugins.aws.ingress import Ingress, check_never_blocked


def rule(source: str, *, first: int = 22, last: int = 22, protocol: str = "tcp", ident: str = "sgr-1") -> Ingress:
    return Ingress(id=ident, group="sg-1", protocol=protocol, first=first, last=last, source=source)


def other(source: str, *, first: int = 22, last: int = 22, protocol: str = "tcp") -> Ingress:
    return rule(source, first=first, last=last, protocol=protocol, ident="sgr-2")


BASTION, PEERS = "10.1.0.0/24", "sg-0123456789abcdef0"


@pytest.mark.parametrize(
    ("closed", "left", "network"),
    [
        (rule("0.0.0.0/0"), other("10.1.0.0/16"), BASTION),
        (rule("0.0.0.0/0"), other("10.1.0.0/24", first=0, last=1024), BASTION),
        (rule("0.0.0.0/0"), other("10.1.0.0/24", protocol="-1", first=-1, last=-1), BASTION),
        (rule("192.168.0.0/16"), None, BASTION),
        (rule("::/0"), None, BASTION),
        (rule("0.0.0.0/0"), None, PEERS),
        (rule(PEERS), other(PEERS, first=20, last=30), PEERS),
    ],
    ids=["wider", "more ports", "everything", "elsewhere", "version 6", "a group's own way", "the group still may"],
)
def test_a_rule_is_closed_when_who_is_never_blocked_still_comes_in(
    closed: Ingress, left: Ingress | None, network: str
) -> None:
    check_never_blocked(closed, [one for one in (closed, left) if one], [network])


@pytest.mark.parametrize(
    ("closed", "left", "network"),
    [
        (rule("0.0.0.0/0"), None, BASTION),
        (rule("10.1.0.128/25"), None, BASTION),
        (rule("0.0.0.0/0"), other("10.1.0.0/25"), BASTION),
        (rule("0.0.0.0/0", first=20, last=30), other("10.1.0.0/24"), BASTION),
        (rule("0.0.0.0/0"), other("10.1.0.0/24", protocol="udp"), BASTION),
        (rule("0.0.0.0/0", protocol="icmp", first=8, last=-1), other(BASTION, protocol="icmp", first=3), BASTION),
        (rule(PEERS), other("0.0.0.0/0"), PEERS),
    ],
    ids=["the only one", "a part", "half is left", "fewer ports", "another protocol", "another type", "not the group"],
)
def test_a_rule_stays_when_who_is_never_blocked_would_lose_its_way_in(
    closed: Ingress, left: Ingress | None, network: str
) -> None:
    with pytest.raises(PermanentError, match=f"the only rule that lets {network} in there, which is never blocked"):
        check_never_blocked(closed, [one for one in (closed, left) if one], [network])


def test_a_prefix_list_may_hold_any_network_so_it_stays_while_one_is_never_blocked() -> None:
    with pytest.raises(PermanentError, match="a prefix list is not looked at"):
        check_never_blocked(rule("pl-0123456789abcdef0"), [], [BASTION])
    check_never_blocked(rule("pl-0123456789abcdef0"), [], [PEERS])


@pytest.mark.parametrize(
    ("closed", "permission"),
    [
        (
            rule("10.0.0.0/8"),
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        ),
        (rule("::/0", protocol="-1", first=-1, last=-1), {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}),
        (
            rule("pl-0123456789abcdef0"),
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}],
            },
        ),
        (
            Ingress(
                id="r", group="g", protocol="tcp", first=1, last=2, source=PEERS, owner="123456789012", description="d"
            ),
            {
                "IpProtocol": "tcp",
                "FromPort": 1,
                "ToPort": 2,
                "UserIdGroupPairs": [{"GroupId": PEERS, "UserId": "123456789012", "Description": "d"}],
            },
        ),
    ],
    ids=["a network", "version 6, every protocol", "a prefix list", "a group"],
)
def test_a_rule_is_opened_again_as_it_was(closed: Ingress, permission: dict[str, object]) -> None:
    assert closed.permission == permission


def test_what_is_never_blocked_has_to_be_a_network_or_an_id() -> None:
    accounts = [{"name": "shop", "id": "123456789012", "regions": ["eu-central-1"]}]
    with pytest.raises(ValueError, match=r"'10\.1\.0\.1/8' is no network, security group or prefix list"):
        AwsSettings.model_validate({"accounts": accounts, "security": {"never_block": ["10.1.0.1/8"]}})

"""The double's judgement of policies: what it allows has to be what IAM would allow."""

from __future__ import annotations

from typing import Any

import pytest

from recoverops.testing.aws.policies import Asked, allows, trusts

ARN = "arn:aws:ec2:eu-central-1:1:instance/i-1"
CONTEXT = {"aws:resourcetag/env": ("test",), "aws:tagkeys": ("a",)}


def policy(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": effect, "Action": "ec2:RebootInstances", "Resource": ARN, **more}]}


def is_allowed(*policies: dict[str, Any], resource: str = ARN) -> bool:
    return allows(policies, Asked(action="ec2:RebootInstances", resource=resource, context=CONTEXT))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, True),
        ({"Action": "ec2:StopInstances"}, False),
        ({"Action": ["ec2:Reboot*"]}, True),
        ({"Resource": "arn:aws:ec2:eu-central-1:1:instance/*"}, True),
        ({"Resource": "arn:aws:ec2:eu-west-1:1:instance/*"}, False),
        ({"Resource": "arn:aws:ec2:eu-central-1:1:instance/i-?"}, True),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/env": "test"}}}, True),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/env": ["prod", "test"]}}}, True),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/env": "prod"}}}, False),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/team": "shop"}}}, False),
        ({"Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}}, True),
        ({"Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": "b"}}}, False),
    ],
)
def test_action_resource_and_condition_all_have_to_fit(given: dict[str, Any], expected: bool) -> None:
    assert is_allowed(policy(**given)) is expected


def test_a_deny_wins_and_silence_is_a_no() -> None:
    assert not is_allowed(policy(), policy("Deny", Resource="*"))
    assert not is_allowed()


def test_a_request_for_no_resource_is_allowed_by_a_star_only() -> None:
    assert not is_allowed(policy(Resource="arn:aws:ec2:*"), resource="*")
    assert is_allowed(policy(Resource="*"), resource="*")


def test_an_operator_that_is_not_known_is_an_error_and_no_yes() -> None:
    with pytest.raises(NotImplementedError, match="NumericLessThan"):
        is_allowed(policy(Condition={"NumericLessThan": {"aws:ResourceTag/env": "3"}}))


def test_a_role_trusts_the_root_of_an_account_with_the_right_external_id() -> None:
    trust = {
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "arn:aws:iam::1:root"},
            "Condition": {"StringEquals": {"sts:ExternalId": "x"}},
        }
    }
    asked = Asked(action="sts:AssumeRole", context={"sts:externalid": ("x",)})
    assert trusts(trust, asked, "arn:aws:iam::1:user/me")
    assert not trusts(trust, asked, "arn:aws:iam::2:user/me")
    assert not trusts(trust, Asked(action="sts:AssumeRole"), "arn:aws:iam::1:user/me")

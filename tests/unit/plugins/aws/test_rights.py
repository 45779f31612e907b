"""What a policy lacks and what it has too much of, read from texts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recoverops.plugins.aws.rights import beyond_of, missing_of, needed_of, wide_of

ARN = "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/key"
IN_REGION = {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}
NEEDED = needed_of(
    json.dumps(
        {
            "Statement": [
                {"Effect": "Allow", "Action": ["ssm:GetParameter"], "Resource": ARN},
                {"Effect": "Allow", "Action": ["ec2:DescribeInstances"], "Resource": "*", "Condition": IN_REGION},
            ]
        }
    )
)


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]}


EXACT = [allow("ssm:GetParameter", ARN), allow("ec2:DescribeInstances", Condition=IN_REGION)]


def test_the_generated_policy_lacks_nothing_and_has_nothing_beyond() -> None:
    assert missing_of(NEEDED, EXACT) == wide_of(NEEDED, EXACT) == beyond_of(NEEDED, EXACT) == ()


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        (EXACT[:1], ("ec2:DescribeInstances",)),
        (EXACT[1:], (f"ssm:GetParameter on {ARN}",)),
        ([allow("SSM:getparameter", ARN), EXACT[1]], ()),
        ([allow("ssm:GetParameter", f"{ARN}s"), EXACT[1]], (f"ssm:GetParameter on {ARN}",)),
        (
            [*EXACT, {"Statement": {"Effect": "Deny", "Action": "ssm:*", "Resource": "*"}}],
            (f"ssm:GetParameter on {ARN}",),
        ),
        (
            [EXACT[0], allow("ec2:Describe*", Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}})],
            ("ec2:DescribeInstances",),
        ),
        ([{"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]}], ()),
        ([allow("*")], ()),
    ],
)
def test_what_is_missing_is_named_with_its_resource(held: Any, missing: tuple[str, ...]) -> None:
    assert missing_of(NEEDED, held) == missing


@pytest.mark.parametrize(
    ("held", "wide"),
    [
        (allow("*"), "every action (*)"),
        (allow("ec2:*"), "every action ec2:*"),
        (allow("ssm:GetParameter"), f"ssm:GetParameter on *, needed on {ARN}"),
        (allow("ssm:GetParameter", [ARN, f"{ARN}2"]), f"ssm:GetParameter on {ARN}2, needed on {ARN}"),
        ({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}, "NotAction or NotResource"),
    ],
)
def test_what_is_too_wide_is_named(held: Any, wide: str) -> None:
    (found,) = wide_of(NEEDED, [*EXACT, held])
    assert wide in found


def test_an_action_that_nothing_needs_is_told_apart_from_what_is_too_wide() -> None:
    held = [*EXACT, allow("ec2:TerminateInstances")]
    assert wide_of(NEEDED, held) == ()
    assert beyond_of(NEEDED, held) == ("ec2:TerminateInstances",)

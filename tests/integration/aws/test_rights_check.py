"""`recoverops check` on rights: by the simulator, by reading, or that it cannot know; with policies that are judged."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import pytest
from tests.integration.aws.conftest import Shop

from recoverops.model import ForbiddenError, RecoverOpsError
from recoverops.plugins.aws import AccountSettings
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.rights_check import RightsCheck
from recoverops.ports import LiveCheck
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key

PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/key"


def allow(*actions: str, on: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


READ = allow("ssm:GetParameter", on=PARAMETER)
SIMULATE = allow("iam:SimulatePrincipalPolicy")
LOOK = allow("iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies", "iam:ListGroupsForUser")


def shop(aws: Aws, **settings: Any) -> Shop:
    return Shop(aws=aws, services={}, settings={"actions": [], **settings}, references=("ssm:/shop/key",))


def check(aws: Aws, key: Key, **settings: Any) -> LiveCheck:
    return next(one for one in shop(aws, **settings).parts(key).checks if one.name == "aws rights shop")


def user(aws: Aws, *statements: Mapping[str, Any]) -> Key:
    return aws.user({"Version": "2012-10-17", "Statement": list(statements)})


def test_with_the_policy_that_check_permissions_prints_everything_is_known_and_right(aws: Aws, root: Key) -> None:
    (policy,) = shop(aws, check_permissions=True).parts(root).policies
    document = json.loads(policy.document)
    assert not [one for one in document["Statement"] if one["Resource"] == "*"]
    told = check(aws, aws.user(document), check_permissions=True).look()
    assert told.endswith("has every right that is needed, and no others")


def test_what_is_missing_is_said_by_the_simulator(aws: Aws) -> None:
    with pytest.raises(RecoverOpsError, match=f"missing: ssm:GetParameter on {PARAMETER}"):
        check(aws, user(aws, SIMULATE)).look()


def test_what_is_missing_is_read_where_the_simulator_may_not_be_asked(aws: Aws) -> None:
    aws.faults.forget()
    with pytest.raises(RecoverOpsError, match=f"missing: ssm:GetParameter on {PARAMETER}"):
        check(aws, user(aws, LOOK)).look()
    assert aws.faults.calls["iam:GetUserPolicy"] == 1


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (allow("*"), r"too wide: every action \(\*\)"),
        (allow("ec2:*"), r"too wide: every action ec2:\*"),
        (allow("ssm:GetParameter"), r"too wide: ssm:GetParameter on \*, needed on arn:"),
    ],
)
def test_what_is_too_wide_is_read(aws: Aws, statement: Mapping[str, Any], told: str) -> None:
    assert re.search(told, check(aws, user(aws, READ, LOOK, statement)).look())


def test_what_is_beyond_by_name_is_told_and_is_no_failure(aws: Aws) -> None:
    told = check(aws, user(aws, READ, LOOK)).look()
    assert "has every right that is needed, and beyond them, by name: iam:ListUserPolicies" in told


def test_with_the_simulator_alone_it_cannot_be_known_whether_there_is_more(aws: Aws) -> None:
    told = check(aws, user(aws, READ, SIMULATE)).look()
    assert "has every right that is needed; whether it has more cannot be known: " in told
    assert "iam:ListUserPolicies is missing" in told


def test_with_neither_nothing_is_known_and_the_permissions_that_would_tell_are_named(aws: Aws) -> None:
    told = check(aws, user(aws, READ)).look()
    assert "cannot be known: that needs iam:SimulatePrincipalPolicy, or iam:ListUserPolicies" in told


def test_a_role_with_a_managed_policy_is_read_as_well(aws: Aws, root: Key) -> None:
    look = allow(
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
    )
    role = aws.role({"Version": "2012-10-17", "Statement": [look]})
    wide = json.dumps({"Version": "2012-10-17", "Statement": [READ, allow("s3:*")]})
    made = aws.admin("iam").create_policy(PolicyName="wide", PolicyDocument=wide)["Policy"]["Arn"]
    aws.admin("iam").attach_role_policy(RoleName=role.rpartition("/")[2], PolicyArn=made)
    accounts = [{"name": "shop", "id": ACCOUNT, "regions": [REGION], "role": role}]
    told = check(aws, root, accounts=accounts).look()
    assert told.startswith(f"{role} is too wide: every action s3:*. ")


class Answers:
    """Stands in for `Calls`: the double has no copies of AWS's own policies, so one cannot be attached there."""

    def read(self, place: Place, call: str, **parameters: Any) -> Any:
        if call == "sts:GetCallerIdentity":
            return {"Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/engine/session"}
        raise ForbiddenError(f"the permission {call} is missing")

    def pages(self, place: Place, call: str, key: str, **parameters: Any) -> list[Any]:
        own = {"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
        return [own] if call == "iam:ListAttachedRolePolicies" else []


def test_one_of_awss_own_policies_is_too_wide_and_what_is_missing_is_not_guessed() -> None:
    account = AccountSettings.model_validate({"name": "shop", "id": ACCOUNT, "regions": [REGION]})
    document = json.dumps({"Version": "2012-10-17", "Statement": [READ]})
    told = RightsCheck(account, cast("Calls", Answers()), document).look()
    assert "is too wide: AWS's own policy AdministratorAccess. " in told


def test_check_says_both_at_once(aws: Aws) -> None:
    with pytest.raises(RecoverOpsError, match=r"missing: ssm:GetParameter on arn:.*\. too wide: every action ec2:\*"):
        check(aws, user(aws, LOOK, allow("ec2:*"))).look()

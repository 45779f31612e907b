"""Roles, expiry, and who we are: what `recoverops check` says of the credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop, group, service

from recoverops.model import ExecutionStatus, MisconfiguredError, PermanentError, RecoverOpsError
from recoverops.plugins.aws.identity import IdentityCheck
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def in_role(role: str, **more: Any) -> dict[str, Any]:
    return {"accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION], "role": role, **more}]}


def may_assume(aws: Aws, role: str) -> Key:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    return aws.user({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def shop(aws: Aws) -> Shop:
    group(aws, "sessions", desired=1, most=3, tags={})
    return Shop(aws=aws, services={"web": service("web", "asg id=sessions")}, settings={"actions": ["asg-scale"]})


def look(shop: Shop, key: Key, **settings: Any) -> str:
    (check,) = (one for one in shop.parts(key, **settings).checks if isinstance(one, IdentityCheck))
    return check.look()


def test_a_role_is_assumed_once_and_its_rights_are_used(
    shop: Shop, aws: Aws, calls: Callable[[], Mapping[str, int]]
) -> None:
    role = aws.role(EVERYTHING, external_id="of-the-shop")
    action = shop.action("asg-scale", may_assume(aws, role), **in_role(role, external_id="of-the-shop"))
    for _ in range(3):
        action.plan(shop["web"], {"count_delta": "+1"})
    assert calls()["sts:AssumeRole"] == 1


def test_credentials_that_expire_on_the_way_are_renewed_once(
    shop: Shop, aws: Aws, calls: Callable[[], Mapping[str, int]]
) -> None:
    role = aws.role(EVERYTHING)
    action = shop.action("asg-scale", may_assume(aws, role), **in_role(role))
    action.plan(shop["web"], {"count_delta": "+1"})
    aws.expire_credentials()
    action.plan(shop["web"], {"count_delta": "+1"})
    assert calls()["sts:AssumeRole"] == 2


def test_credentials_that_expire_again_at_once_are_an_error_and_no_endless_loop(
    shop: Shop, aws: Aws, calls: Callable[[], Mapping[str, int]]
) -> None:
    role = aws.role(EVERYTHING)
    action = shop.action("asg-scale", may_assume(aws, role), **in_role(role))
    with aws.faults.expiring_at_once(), pytest.raises(PermanentError, match="had expired, and so had the new ones"):
        action.plan(shop["web"], {"count_delta": "+1"})
    assert calls()["sts:AssumeRole"] == 2


def test_a_role_that_cannot_be_assumed_is_named_with_what_may_be_wrong(shop: Shop, aws: Aws, root: Key) -> None:
    role = aws.role(EVERYTHING, external_id="right")
    missing = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    for key, settings in (
        (root, in_role(missing)),
        (root, in_role(role, external_id="wrong")),
        (may_assume(aws, missing), in_role(role, external_id="right")),
    ):
        with pytest.raises(RecoverOpsError, match=r'account "shop": the role arn:\S+ cannot be assumed'):
            look(shop, key, **settings)


def test_the_right_account_is_told_with_who_we_are(shop: Shop, root: Key) -> None:
    assert look(shop, root).startswith(f"is {ACCOUNT}, as arn:aws:iam::{ACCOUNT}:user/")


def test_credentials_of_another_account_are_called_that(shop: Shop, aws: Aws, root: Key) -> None:
    accounts = [{"name": "shop", "id": "999999999999", "regions": [REGION]}]
    with pytest.raises(MisconfiguredError, match=f'"shop" is to be 999999999999, but .* are of {ACCOUNT}'):
        look(shop, root, accounts=accounts)


def test_a_region_that_is_not_one_is_called_that_with_the_nearest(aws: Aws, root: Key) -> None:
    shop = Shop(aws=aws, services={}, settings={})
    accounts = [{"name": "shop", "id": ACCOUNT, "regions": ["eu-centrall-1"]}]
    with pytest.raises(MisconfiguredError, match='knows no region "eu-centrall-1"; did you mean eu-central-1'):
        look(shop, root, accounts=accounts)


def test_an_unknown_key_is_told_without_its_secret(shop: Shop) -> None:
    with pytest.raises(MisconfiguredError, match="does not know these credentials") as told:
        look(shop, Key(id="AKIANOBODYKNOWSTHIS1", secret="not-to-be-shown"))
    assert "not-to-be-shown" not in str(told.value)


def test_credentials_of_another_account_are_refused_before_anything_else_is_asked(
    shop: Shop, root: Key, calls: Callable[[], Mapping[str, int]]
) -> None:
    accounts = [{"name": "shop", "id": "999999999999", "regions": [REGION]}]
    with pytest.raises(MisconfiguredError, match="is to be 999999999999"):
        shop.action("asg-scale", root, accounts=accounts).plan(shop["web"], {"count_delta": "+1"})
    assert calls() == {"sts:GetCallerIdentity": 1}


def test_a_plan_for_a_region_that_is_configured_no_more_is_not_executed(shop: Shop, root: Key) -> None:
    plan = shop.action("asg-scale", root).plan(shop["web"], {"count_delta": "+1"})
    accounts = [{"name": "shop", "id": ACCOUNT, "regions": ["eu-west-1"]}]
    done = shop.action("asg-scale", root, accounts=accounts).execute(plan, shop["web"], idempotency_key="run:1")
    assert done.status is ExecutionStatus.FAILED
    assert "is not in the accounts of the plugin aws any more" in done.statement

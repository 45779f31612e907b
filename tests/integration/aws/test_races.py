"""Somebody else is faster: what AWS itself compares is refused by AWS, and nothing of theirs is overwritten."""

from __future__ import annotations

from tests.integration.aws.conftest import Shop, service
from tests.integration.aws.scenes import SCENES

from recoverops.model import ExecutionStatus
from recoverops.testing.aws import Aws, Key


def test_an_alias_that_somebody_points_elsewhere_right_before_our_update_is_left_alone(aws: Aws, root: Key) -> None:
    scene = SCENES["lambda-rollback"](aws)
    checkout = service("checkout", scene.address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings={}).action("lambda-rollback", root)
    plan = action.plan(checkout, scene.arguments)
    aws.faults.just_before("lambda:UpdateAlias", scene.tamper)

    execution = action.execute(plan, checkout, idempotency_key="run:1")

    assert execution.status is ExecutionStatus.FAILED
    assert "PreconditionFailedException" in execution.statement
    assert scene.snapshot() == ("1", {})

"""AWS takes its time: an action waits for the state that it asked for, and says so when the time is over.

The clock is the test's own: sleeping takes no time, and lets the double come a step further instead.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.integration.aws.conftest import Shop, service
from tests.integration.aws.scene import Scene
from tests.integration.aws.scenes import SCENES

from recoverops.clock import SystemClock
from recoverops.model import ExecutionStatus, Service
from recoverops.ports import Action
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.testing.aws.health import draining


class StepClock(SystemClock):
    """Each sleep does the next of the given steps."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = list(steps)
        self.slept_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.slept_s)

    def monotonic(self) -> float:
        return super().monotonic() + self.slept_s

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        if self._steps:
            self._steps.pop(0)()


def nothing() -> None:
    """A step in which AWS is not ready yet."""


def made(aws: Aws, root: Key, named: str, clock: StepClock, **settings: Any) -> tuple[Scene, Action, Service]:
    scene = SCENES[named](aws)
    scene.break_it()
    checkout = service("checkout", scene.address)
    shop = Shop(aws=aws, services={"checkout": checkout}, settings={}, clock=clock)
    return scene, shop.action(named, root, bounds={"slow_timeout": "60s"}, **settings), checkout


def test_a_change_of_class_is_waited_for_until_the_database_is_available_again(aws: Aws, root: Key) -> None:
    def set_state(state: str) -> None:
        from moto.rds.models import rds_backends

        rds_backends[ACCOUNT][REGION].databases[name].status = state

    clock = StepClock(nothing, nothing, lambda: set_state("available"))
    scene, action, checkout = made(aws, root, "rds-class", clock)
    name = scene.address.removeprefix("rds id=")
    plan = action.plan(checkout, scene.arguments)
    aws.faults.just_before("rds:ModifyDBInstance", lambda: set_state("modifying"))

    execution = action.execute(plan, checkout, idempotency_key="run:1")

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.statement
    assert clock.slept_s == 6.0
    assert execution.after["state"] == "db.t3.small available"


def pending(aws: Aws, volume: str, state: str = "pending") -> None:
    from moto.ec2.models import ec2_backends

    for one in ec2_backends[ACCOUNT][REGION].snapshots.values():
        if one.volume.id == volume:
            one.status = state


def test_a_volume_is_grown_only_when_its_snapshot_is_completed(aws: Aws, root: Key) -> None:
    clock = StepClock(nothing, lambda: pending(aws, ident, "completed"))
    scene, action, checkout = made(aws, root, "ebs-grow", clock)
    ident = scene.address.removeprefix("ebs id=")
    plan = action.plan(checkout, scene.arguments)
    seen: list[float] = []
    aws.faults.just_before("ec2:CreateSnapshot", lambda: later(aws, ident))
    aws.faults.just_before("ec2:ModifyVolume", lambda: seen.append(clock.slept_s))

    execution = action.execute(plan, checkout, idempotency_key="run:1")

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.statement
    assert seen == [4.0]
    assert scene.snapshot()[0] == 12  # type: ignore[index]


def later(aws: Aws, volume: str) -> None:
    """The next look at the snapshots finds them pending."""
    aws.faults.just_before("ec2:DescribeSnapshots", lambda: pending(aws, volume))


def test_a_snapshot_that_is_not_completed_in_time_leaves_the_volume_as_it_is(aws: Aws, root: Key) -> None:
    scene, action, checkout = made(aws, root, "ebs-grow", StepClock())
    ident = scene.address.removeprefix("ebs id=")
    plan = action.plan(checkout, scene.arguments)
    aws.faults.just_before("ec2:CreateSnapshot", lambda: later(aws, ident))

    execution = action.execute(plan, checkout, idempotency_key="run:1")

    assert execution.status is ExecutionStatus.FAILED
    assert "was not grown: in 60 s its snapshot was not completed; snap-" in execution.statement
    assert scene.snapshot()[0] == 10  # type: ignore[index]
    again = action.execute(plan, checkout, idempotency_key="run:1")
    assert again.after["snapshot"] == execution.after["snapshot"], "the snapshot of the first attempt is used again"


def test_a_target_that_drains_is_waited_for_and_gets_nothing_new_meanwhile(aws: Aws, root: Key) -> None:
    clock = StepClock(nothing)
    scene, action, checkout = made(aws, root, "elb-target-out", clock, action_timeout="60s")
    plan = action.plan(checkout, scene.arguments)
    with draining(plan.before["group"], plan.before["target"]):
        execution = action.execute(plan, checkout, idempotency_key="run:1")
    assert execution.status is ExecutionStatus.SUCCEEDED, execution.statement
    assert 50 < clock.slept_s < 60
    assert execution.after["draining"] == "connections are still open; no new ones come"
    assert execution.after["state"] == "out"

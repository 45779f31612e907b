"""Detailed monitoring for a while: undo or time ends it, and what somebody else has switched on stays on."""

from __future__ import annotations

from tests.integration.aws.conftest import Shop, service
from tests.integration.aws.scene import Scene
from tests.integration.aws.scenes import SCENES
from tests.integration.aws.test_slow_states import StepClock

from recoverops.model import ExecutionStatus
from recoverops.ports import Source
from recoverops.testing.aws import Aws, Key


def begun(aws: Aws, root: Key, clock: StepClock) -> tuple[Scene, Source]:
    """Switched on for an hour, and the source that ends it."""
    scene = SCENES["ec2-monitoring"](aws)
    scene.break_it()
    shop = Shop(
        aws=aws,
        services={"checkout": service("checkout", scene.address), "other": service("other", "ec2 tag:service=nobody")},
        settings={"actions": ["ec2-monitoring"]},
        clock=clock,
    )
    parts = shop.parts(root)
    (action,), (source,) = parts.actions, parts.sources
    plan = action.plan(shop["checkout"], {})
    done = action.execute(plan, shop["checkout"], idempotency_key="run:1")
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    return scene, source


def told(source: Source) -> dict[str, float]:
    return {sample.resource.name: sample.value for sample in source.poll()}


def test_it_lasts_as_long_as_was_said_and_not_longer(aws: Aws, root: Key) -> None:
    clock = StepClock()
    scene, source = begun(aws, root, clock)
    clock.sleep(59 * 60)
    assert told(source) == {"checkout": 1.0, "other": 0.0}
    assert scene.snapshot() == ("enabled", ["env", "recoverops:monitoring", "service"])
    clock.sleep(2 * 60)
    assert told(source) == {"checkout": 0.0, "other": 0.0}
    assert scene.snapshot() == ("disabled", ["env", "service"])


def test_what_a_person_keeps_by_removing_the_tag_is_left_on(aws: Aws, root: Key) -> None:
    clock = StepClock()
    scene, source = begun(aws, root, clock)
    scene.tamper()
    clock.sleep(61 * 60)
    assert told(source) == {"checkout": 0.0, "other": 0.0}
    assert scene.snapshot() == ("enabled", ["env", "service"])


def test_what_cannot_be_switched_off_is_told_and_tried_again(aws: Aws, root: Key) -> None:
    from recoverops.testing.aws.faults import Fault

    clock = StepClock()
    scene, source = begun(aws, root, clock)
    clock.sleep(61 * 60)
    aws.faults.plan("ec2:UnmonitorInstances", Fault.REFUSED)
    found = {sample.resource.name: (sample.value, sample.detail) for sample in source.poll()}
    assert found["checkout"][0] == 1.0
    assert "could not be restored yet" in found["checkout"][1]
    assert told(source) == {"checkout": 0.0, "other": 0.0}
    assert scene.snapshot() == ("disabled", ["env", "service"])

"""Scenes of the actions on single instances."""

from __future__ import annotations

from functools import partial

from tests.live.aws.acting import Act, acted
from tests.live.aws.machines import firewall, launched, state, told
from tests.live.aws.prices import Use, machine
from tests.live.aws.scene import Scene
from tests.live.aws.stage import Stage


def _power(stage: Stage, *, is_running: bool = True, **arguments: str) -> None:
    (ident,) = launched(stage)
    if not is_running:
        stage.client("ec2").stop_instances(InstanceIds=[ident])
        stage.ground.until("that the instance is stopped", lambda: state(stage, ident) == "stopped")

    def eyes() -> object:
        return state(stage, ident), told(stage, ident)["InstanceType"]

    acted(stage, Act(action=stage.scene, address=f"ec2 id={ident}", arguments=arguments, eyes=eyes))


def _reboot(stage: Stage) -> None:
    (ident,) = launched(stage)
    eyes = partial(state, stage, ident)
    acted(stage, Act(action="ec2-reboot", address=f"ec2 id={ident}", eyes=eyes, is_seen=False))


def _monitoring(stage: Stage) -> None:
    (ident,) = launched(stage)

    def eyes() -> object:
        return told(stage, ident)["Monitoring"]["State"] in {"enabled", "pending"}

    acted(stage, Act(action="ec2-monitoring", address=f"ec2 id={ident}", eyes=eyes))


def _isolate(stage: Stage) -> None:
    (ident,) = launched(stage)
    quarantine = firewall(stage, "quarantine")

    def eyes() -> object:
        return [sorted(group["GroupId"] for group in one["Groups"]) for one in told(stage, ident)["NetworkInterfaces"]]

    settings = {"security": {"quarantine_groups": [quarantine]}}
    acted(stage, Act(action="ec2-isolate", address=f"ec2 id={ident}", eyes=eyes, settings=settings))


def _shutdown(stage: Stage) -> None:
    """Chosen by tags, the scene's own among them."""
    idents = launched(stage, count=2)
    address = f"ec2 tag:recoverops-live={stage.ground.run} tag:scene={stage.scene} at_most=2"
    acted(
        stage,
        Act(action="emergency-shutdown", address=address, eyes=lambda: [state(stage, one) for one in idents]),
    )


INSTANCES = (
    Scene(name="ec2-stop", uses=machine(), play=_power),
    Scene(name="ec2-start", uses=machine(), play=partial(_power, is_running=False)),
    Scene(name="ec2-resize", uses=machine(of="t3.small"), play=partial(_power, type="t3.small")),
    Scene(name="ec2-reboot", uses=machine(), play=_reboot),
    Scene(name="ec2-monitoring", uses=(*machine(), Use(what="detailed monitoring")), play=_monitoring),
    Scene(name="ec2-isolate", uses=machine(), play=_isolate),
    Scene(name="emergency-shutdown", uses=machine(count=2), play=_shutdown),
)

"""Which events of EventBridge are alerts, and what each says. Pure.

Only what has an opposite is one: a deployment that failed and one that completed, an instance that stopped and one that
runs. An event that tells of no trouble, or of none that could end, is no alert.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from recoverops.model import Alert, AlertStatus, Service, digest
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.intake.alarms import EVENT, alarm_of_event, alert_of
from recoverops.plugins.aws.intake.event import AwsEvent
from recoverops.plugins.aws.intake.reading import bounded
from recoverops.plugins.aws.owners import Owners
from recoverops.redact import redact


def alerts_of(event: AwsEvent, owners: Owners, *, source: str) -> tuple[Alert, ...]:
    """At most one. Raises PermanentError for an event that has not what its kind needs."""
    reader = READERS.get(event.detail_type)
    alert = None if reader is None else reader(event, owners, source)
    return () if alert is None else (alert,)


def _alarm(event: AwsEvent, owners: Owners, source: str) -> Alert | None:
    alarm = alarm_of_event(event)
    service = owners.of_dimensions(alarm.dimensions, account=alarm.account, region=alarm.region)
    return alert_of(alarm, source=source, service=service)


def _ecs_deployment(event: AwsEvent, owners: Owners, source: str) -> Alert | None:
    fires = {"SERVICE_DEPLOYMENT_FAILED": True, "SERVICE_DEPLOYMENT_COMPLETED": False}.get(event.text("eventName"))
    return None if fires is None else _of_ecs(event, owners, source, name="EcsDeploymentFailed", fires=fires)


def _ecs_action(event: AwsEvent, owners: Owners, source: str) -> Alert | None:
    """Tasks that cannot be placed; the steady state is its end."""
    name = event.text("eventName")
    fires = {"SERVICE_TASK_PLACEMENT_FAILURE": True, "SERVICE_STEADY_STATE": False}.get(name)
    return None if fires is None else _of_ecs(event, owners, source, name="EcsTaskPlacementFailed", fires=fires)


def _of_ecs(event: AwsEvent, owners: Owners, source: str, *, name: str, fires: bool) -> Alert:
    ident = (event.resources[0] if event.resources else "").rpartition(":service/")[2]
    service = owners.of_resource(Kind.ECS, ident, account=event.account, region=event.region)
    told = event.text("reason") or event.text("eventName")
    return _alert(event, source, name=name, about=ident, fires=fires, service=service, told=told)


def _ec2_state(event: AwsEvent, owners: Owners, source: str) -> Alert | None:
    """Of instances that an address names: that one of a group ends is nothing unusual."""
    ident, state = event.text("instance-id"), event.text("state")
    service = owners.of_resource(Kind.EC2, ident, account=event.account, region=event.region)
    fires = {"stopped": True, "terminated": True, "running": False}.get(state)
    if service is None or fires is None:
        return None
    told = f"the instance {ident} is {state}"
    return _alert(event, source, name="Ec2InstanceDown", about=ident, fires=fires, service=service, told=told)


def _scaling(*, launches: bool, fires: bool) -> Callable[[AwsEvent, Owners, str], Alert | None]:
    name = "AutoScalingLaunchFailed" if launches else "AutoScalingTerminateFailed"

    def read(event: AwsEvent, owners: Owners, source: str) -> Alert | None:
        group = event.text("AutoScalingGroupName")
        service = owners.of_resource(Kind.ASG, group, account=event.account, region=event.region)
        told = event.text("StatusMessage") or event.text("Cause") or event.detail_type
        return _alert(event, source, name=name, about=group, fires=fires, service=service, told=told)

    return read


def _code_deploy(event: AwsEvent, owners: Owners, source: str) -> Alert | None:
    """By deployment group; which service it is for says its name, if it is the name of one."""
    fires = {"FAILURE": True, "SUCCESS": False}.get(event.text("state"))
    if fires is None:
        return None
    group = event.text("deploymentGroup")
    about = f"{event.text('application')}/{group}"
    named = [{"Service": event.text("application")}, {"Service": group}]
    service = owners.of_dimensions(named, account=event.account, region=event.region)
    told = f"the deployment {event.text('deploymentId')} of {about} ended with {event.text('state')}"
    return _alert(event, source, name="CodeDeployFailed", about=about, fires=fires, service=service, told=told)


def _alert(
    event: AwsEvent, source: str, *, name: str, about: str, fires: bool, service: Service | None, told: str
) -> Alert:
    own = {"alertname": name, "cloud.account.id": event.account, "cloud.region": event.region, "about": bounded(about)}
    return Alert(
        source=source,
        fingerprint=digest(event.account, event.region, name, about),
        status=AlertStatus.FIRING if fires else AlertStatus.RESOLVED,
        starts_at=event.at,
        ends_at=None if fires else event.at,
        labels={**own, **({} if service is None else service.match)},
        annotations={"summary": bounded(redact(told)), "event": event.id},
    )


READERS: Mapping[str, Callable[[AwsEvent, Owners, str], Alert | None]] = {
    EVENT: _alarm,
    "ECS Deployment State Change": _ecs_deployment,
    "ECS Service Action": _ecs_action,
    "EC2 Instance State-change Notification": _ec2_state,
    "EC2 Instance Launch Successful": _scaling(launches=True, fires=False),
    "EC2 Instance Launch Unsuccessful": _scaling(launches=True, fires=True),
    "EC2 Instance Terminate Successful": _scaling(launches=False, fires=False),
    "EC2 Instance Terminate Unsuccessful": _scaling(launches=False, fires=True),
    "CodeDeploy Deployment State-change Notification": _code_deploy,
}
"""detail-type -> what it means"""

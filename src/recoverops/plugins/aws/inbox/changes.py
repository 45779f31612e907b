"""What somebody changed, as change events: records of CloudTrail and events of EventBridge. Pure.

Only calls that succeeded are changes. What a change is about is one of the services when an address names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from recoverops.model import Event, EventKind, Record, Service
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.inbox.trail import TrailRecord
from recoverops.plugins.aws.intake.event import AwsEvent
from recoverops.plugins.aws.intake.reading import bounded
from recoverops.plugins.aws.owners import Owners
from recoverops.redact import redact

About = Callable[[TrailRecord], tuple[Kind | None, str]]
"""The resource of a call, and its id; None when its kind is none that addresses have."""


class Change(Record, frozen=True, kw_only=True):
    """Which calls change something, of which kind."""

    service: str
    names: str
    """a pattern of the whole name"""
    kind: EventKind
    about: About


def _named(*keys: str, kind: Kind | None = None) -> About:
    def find(record: TrailRecord) -> tuple[Kind | None, str]:
        return kind, next((one for key in keys if (one := record.asked(key))), "")

    return find


def _ecs(record: TrailRecord) -> tuple[Kind | None, str]:
    cluster = (record.asked("cluster") or "default").rpartition("/")[2]
    service = (record.asked("service") or record.asked("serviceName")).rpartition("/")[2]
    return Kind.ECS, f"{cluster}/{service}"


def _function(record: TrailRecord) -> tuple[Kind | None, str]:
    """Names and ARNs stand there, with and without a version."""
    name = record.asked("functionName")
    return Kind.LAMBDA, name.split(":")[6] if name.startswith("arn:") and name.count(":") >= 6 else name.split(":")[0]


def _instance(record: TrailRecord) -> tuple[Kind | None, str]:
    """One instance; several are named together, and are no one's."""
    single = record.asked("instanceId")
    items: Any = ((record.request_parameters or {}).get("instancesSet") or {}).get("items") or ()
    named = [str(one.get("instanceId", "")) for one in items if isinstance(one, Mapping)]
    return Kind.EC2, single or ", ".join(one for one in named if one)


_GROUP = _named("autoScalingGroupName", kind=Kind.ASG)
_DATABASE = _named("dBInstanceIdentifier", "dBClusterIdentifier", kind=Kind.RDS)
_IAM = _named("userName", "roleName", "groupName", "policyArn", "policyName", "instanceProfileName")

CHANGES: tuple[Change, ...] = tuple(
    Change(service=service, names=names, kind=kind, about=about)
    for service, names, kind, about in (
        ("ecs", "(Create|Update|Delete)Service", EventKind.DEPLOYMENT, _ecs),
        ("ecs", "(Register|Deregister)TaskDefinition", EventKind.DEPLOYMENT, _named("family", "taskDefinition")),
        ("lambda", "(Create|Update|Delete)Alias|PublishVersion", EventKind.DEPLOYMENT, _function),
        ("lambda", "UpdateFunctionCode|CreateFunction|DeleteFunction", EventKind.DEPLOYMENT, _function),
        ("lambda", "UpdateFunctionConfiguration|(Put|Delete)FunctionConcurrency", EventKind.CONFIGURATION, _function),
        ("codedeploy", "(Create|Stop)Deployment", EventKind.DEPLOYMENT, _named("applicationName", "deploymentId")),
        ("cloudformation", "(Create|Update|Delete)Stack|ExecuteChangeSet", EventKind.DEPLOYMENT, _named("stackName")),
        ("autoscaling", "(Start|Cancel|Rollback)InstanceRefresh", EventKind.DEPLOYMENT, _GROUP),
        ("autoscaling", "SetDesiredCapacity|(Create|Update|Delete)AutoScalingGroup", EventKind.SCALING, _GROUP),
        ("autoscaling", "(Attach|Detach)Instances|(Put|Delete)ScalingPolicy", EventKind.SCALING, _GROUP),
        ("autoscaling", "(Suspend|Resume)Processes", EventKind.CONFIGURATION, _GROUP),
        ("application-autoscaling", "(Register|Deregister)ScalableTarget", EventKind.SCALING, _named("resourceId")),
        ("application-autoscaling", "(Put|Delete)ScalingPolicy", EventKind.SCALING, _named("resourceId")),
        ("ec2", "(Run|Start|Stop|Reboot|Terminate)Instances", EventKind.LIFECYCLE, _instance),
        ("ec2", "ModifyInstanceAttribute", EventKind.CONFIGURATION, _instance),
        ("ec2", "(Authorize|Revoke)SecurityGroup(Ingress|Egress)", EventKind.NETWORK, _named("groupId", "groupName")),
        (
            "ec2",
            "(Create|Delete)SecurityGroup|ModifySecurityGroupRules",
            EventKind.NETWORK,
            _named("groupId", "groupName"),
        ),
        (
            "ec2",
            "(Create|Replace|Delete)(Route|NetworkAclEntry)",
            EventKind.NETWORK,
            _named("routeTableId", "networkAclId"),
        ),
        (
            "elasticloadbalancing",
            "(Register|Deregister)Targets|ModifyTargetGroup.*",
            EventKind.NETWORK,
            _named("targetGroupArn"),
        ),
        (
            "elasticloadbalancing",
            "(Create|Modify|Delete)(Listener|Rule)",
            EventKind.NETWORK,
            _named("listenerArn", "ruleArn"),
        ),
        ("rds", "ModifyDB(Instance|Cluster)", EventKind.CONFIGURATION, _DATABASE),
        ("rds", "ModifyDB(Cluster)?ParameterGroup", EventKind.CONFIGURATION, _named("dBParameterGroupName")),
        ("rds", "(Reboot|Start|Stop|Failover)DB(Instance|Cluster)", EventKind.LIFECYCLE, _DATABASE),
        ("rds", "(Create|Delete|Restore)DB(Instance|Cluster).*", EventKind.DATA, _DATABASE),
        ("iam", "(?!Get|List|Simulate|Generate).*", EventKind.IDENTITY, _IAM),
        ("s3", "(Put|Delete)Bucket(Policy|Acl|PublicAccessBlock)", EventKind.SECURITY, _named("bucketName")),
        ("s3", "(Create|Delete)Bucket", EventKind.DATA, _named("bucketName")),
        (
            "cloudtrail",
            "(Start|Stop)Logging|(Create|Update|Delete)Trail|PutEventSelectors",
            EventKind.SECURITY,
            _named("name"),
        ),
        ("kms", "DisableKey|ScheduleKeyDeletion", EventKind.SECURITY, _named("keyId")),
    )
)
"""In the order in which they are asked; the first that fits counts."""


def change_of(record: TrailRecord, owners: Owners, *, source: str) -> Event | None:
    """None for a call that changed nothing, or nothing that anybody would ask for."""
    if record.error_code or record.read_only:
        return None
    found = next(
        (one for one in CHANGES if one.service == record.service and re.fullmatch(one.names, record.name)), None
    )
    if found is None:
        return None
    kind, about = found.about(record)
    service = None
    if kind is not None:
        service = owners.of_resource(kind, about, account=record.account, region=record.aws_region)
    elif found.service == "elasticloadbalancing" and ":targetgroup/" in about:
        named = {"TargetGroup": about.rpartition(":")[2]}
        service = owners.of_dimensions([named], account=record.account, region=record.aws_region)
    told = f"{record.user_identity.shown} called {record.service}:{record.name}" + (f" on {about}" if about else "")
    return Event(
        source=source,
        id=record.id,
        at=record.at,
        kind=found.kind,
        summary=_text(told),
        actor=_text(record.user_identity.shown),
        resources=_resources(service),
        attributes=_attributes(record.account, record.aws_region, about, call=f"{record.service}:{record.name}"),
    )


class _State(Record, frozen=True, kw_only=True):
    """How an event of EventBridge is read as a change."""

    kind: EventKind
    resource: Kind | None
    about: tuple[str, ...]
    """the first of these texts of the detail that is there; none: the first resource"""
    says: tuple[str, ...]


_STATES: Mapping[str, _State] = {
    "ECS Deployment State Change": _State(
        kind=EventKind.DEPLOYMENT, resource=Kind.ECS, about=(), says=("eventName", "reason")
    ),
    "ECS Task State Change": _State(
        kind=EventKind.LIFECYCLE, resource=Kind.ECS, about=("group",), says=("lastStatus", "stopCode", "stoppedReason")
    ),
    "CodeDeploy Deployment State-change Notification": _State(
        kind=EventKind.DEPLOYMENT, resource=None, about=("application",), says=("state", "deploymentId")
    ),
    "EC2 Instance State-change Notification": _State(
        kind=EventKind.LIFECYCLE, resource=Kind.EC2, about=("instance-id",), says=("state",)
    ),
    "EC2 Instance Launch Successful": _State(
        kind=EventKind.SCALING, resource=Kind.ASG, about=("AutoScalingGroupName",), says=("EC2InstanceId", "Cause")
    ),
    "EC2 Instance Terminate Successful": _State(
        kind=EventKind.SCALING, resource=Kind.ASG, about=("AutoScalingGroupName",), says=("EC2InstanceId", "Cause")
    ),
    "RDS DB Instance Event": _State(
        kind=EventKind.LIFECYCLE, resource=Kind.RDS, about=("SourceIdentifier",), says=("Message",)
    ),
}


def change_in(event: AwsEvent, owners: Owners, *, source: str) -> Event | None:
    """Of an event of EventBridge that is no record of CloudTrail."""
    state = _STATES.get(event.detail_type)
    if state is None or (event.detail_type == "ECS Task State Change" and event.text("lastStatus") != "STOPPED"):
        return None
    about = next((one for key in state.about if (one := event.text(key))), "")
    if state.resource is Kind.ECS:
        about = _ecs_ident(event, about)
    elif not about and event.resources:
        about = event.resources[0]
    service = None
    if state.resource is not None:
        service = owners.of_resource(state.resource, about, account=event.account, region=event.region)
    said = "; ".join(one for key in state.says if (one := event.text(key)))
    return Event(
        source=source,
        id=event.id,
        at=event.at,
        kind=state.kind,
        summary=_text(f"{event.detail_type} of {about}: {said}"),
        resources=_resources(service),
        attributes=_attributes(event.account, event.region, about, call=event.detail_type),
    )


def _ecs_ident(event: AwsEvent, group: str) -> str:
    """`cluster/service`: of the resource, or of a task's cluster and group."""
    if group.startswith("service:"):
        return f"{event.text('clusterArn').rpartition('/')[2]}/{group.partition(':')[2]}"
    return (event.resources[0] if event.resources else "").rpartition(":service/")[2]


def _resources(service: Service | None) -> tuple[Any, ...]:
    return () if service is None else (service.resource,)


def _attributes(account: str, region: str, about: str, *, call: str) -> dict[str, str]:
    found = {"cloud.account.id": account, "cloud.region": region, "cloud.resource_id": about, "aws.call": call}
    return {key: _text(value) for key, value in found.items() if value}


def _text(text: str) -> str:
    return redact(bounded(redact(text)))


def changes_of(records: Iterable[TrailRecord], owners: Owners, *, source: str) -> tuple[Event, ...]:
    found = (change_of(one, owners, source=source) for one in records)
    return tuple(one for one in found if one is not None)

"""Every kind of thing that a run makes: how it is found again by the run's tag, and how it is removed.

The order of `KINDS` is the order of removal: what uses something goes before it. What only has a name like ours is
told, and nobody removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.live.aws import finding
from tests.live.aws.finding import pages
from tests.live.aws.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something that is there."""

    kind: str
    ident: str
    run: str
    """Whose it is; empty for what only has a name like ours."""

    def __str__(self) -> str:
        return f"{self.kind} {self.ident}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    name: str
    find: Callable[[Ground], Iterable[tuple[str, str]]]
    """Ids, each with its run."""
    remove: Callable[[Ground, str], object]
    """Asks for its end. May be asked again; raises what the SDK raises while something still uses it."""


def _remove_cluster(ground: Ground, name: str) -> None:
    client = ground.client("ecs")
    for arn in list(pages(client, "list_services", "serviceArns", cluster=name)):
        client.delete_service(cluster=name, service=arn, force=True)
    client.delete_cluster(cluster=name)


def _remove_definition(ground: Ground, arn: str) -> None:
    client = ground.client("ecs")
    client.deregister_task_definition(taskDefinition=arn)
    client.delete_task_definitions(taskDefinitions=[arn])


def _remove_topic(ground: Ground, arn: str) -> None:
    client = ground.client("sns")
    for one in list(pages(client, "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)):
        if one["SubscriptionArn"].startswith("arn:"):
            client.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    client.delete_topic(TopicArn=arn)


def _remove_bucket(ground: Ground, name: str) -> None:
    client = ground.client("s3")
    for one in list(pages(client, "list_objects_v2", "Contents", Bucket=name)):
        client.delete_object(Bucket=name, Key=one["Key"])
    client.delete_bucket(Bucket=name)


def _remove_user(ground: Ground, name: str) -> None:
    client = ground.client("iam")
    for one in client.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        client.delete_access_key(UserName=name, AccessKeyId=one["AccessKeyId"])
    client.delete_user(UserName=name)


def _remove_profile(ground: Ground, name: str) -> None:
    client = ground.client("iam")
    for one in client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        client.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=one["RoleName"])
    client.delete_instance_profile(InstanceProfileName=name)


def _remove_role(ground: Ground, name: str) -> None:
    client = ground.client("iam")
    for policy in list(pages(client, "list_role_policies", "PolicyNames", RoleName=name)):
        client.delete_role_policy(RoleName=name, PolicyName=policy)
    for one in list(pages(client, "list_attached_role_policies", "AttachedPolicies", RoleName=name)):
        client.detach_role_policy(RoleName=name, PolicyArn=one["PolicyArn"])
    client.delete_role(RoleName=name)


KINDS: tuple[Kind, ...] = (
    Kind(
        name="Auto Scaling group",
        find=finding.groups,
        remove=lambda on, one: on.client("autoscaling").delete_auto_scaling_group(
            AutoScalingGroupName=one, ForceDelete=True
        ),
    ),
    Kind(
        name="load balancer",
        find=finding.balancers,
        remove=lambda on, one: on.client("elbv2").delete_load_balancer(LoadBalancerArn=one),
    ),
    Kind(
        name="target group",
        find=finding.target_groups,
        remove=lambda on, one: on.client("elbv2").delete_target_group(TargetGroupArn=one),
    ),
    Kind(
        name="launch template",
        find=finding.templates,
        remove=lambda on, one: on.client("ec2").delete_launch_template(LaunchTemplateId=one),
    ),
    Kind(
        name="instance",
        find=finding.instances,
        remove=lambda on, one: on.client("ec2").terminate_instances(InstanceIds=[one]),
    ),
    Kind(
        name="elastic address",
        find=finding.addresses,
        remove=lambda on, one: on.client("ec2").release_address(AllocationId=one),
    ),
    Kind(name="volume", find=finding.volumes, remove=lambda on, one: on.client("ec2").delete_volume(VolumeId=one)),
    Kind(
        name="snapshot", find=finding.snapshots, remove=lambda on, one: on.client("ec2").delete_snapshot(SnapshotId=one)
    ),
    Kind(
        name="security group",
        find=finding.security_groups,
        remove=lambda on, one: on.client("ec2").delete_security_group(GroupId=one),
    ),
    Kind(
        name="function",
        find=finding.functions,
        remove=lambda on, one: on.client("lambda").delete_function(FunctionName=one),
    ),
    Kind(name="ECS cluster", find=finding.clusters, remove=_remove_cluster),
    Kind(name="task definition", find=finding.definitions, remove=_remove_definition),
    Kind(
        name="stream", find=finding.streams, remove=lambda on, one: on.client("kinesis").delete_stream(StreamName=one)
    ),
    Kind(
        name="log group",
        find=finding.log_groups,
        remove=lambda on, one: on.client("logs").delete_log_group(logGroupName=one),
    ),
    Kind(
        name="alarm",
        find=finding.alarms,
        remove=lambda on, one: on.client("cloudwatch").delete_alarms(AlarmNames=[one]),
    ),
    Kind(name="topic", find=finding.topics, remove=_remove_topic),
    Kind(name="queue", find=finding.queues, remove=lambda on, one: on.client("sqs").delete_queue(QueueUrl=one)),
    Kind(name="bucket", find=finding.buckets, remove=_remove_bucket),
    Kind(name="document", find=finding.documents, remove=lambda on, one: on.client("ssm").delete_document(Name=one)),
    Kind(name="parameter", find=finding.parameters, remove=lambda on, one: on.client("ssm").delete_parameter(Name=one)),
    Kind(
        name="secret",
        find=finding.secrets,
        remove=lambda on, one: on.client("secretsmanager").delete_secret(SecretId=one, ForceDeleteWithoutRecovery=True),
    ),
    Kind(name="user", find=finding.users, remove=_remove_user),
    Kind(name="instance profile", find=finding.profiles, remove=_remove_profile),
    Kind(name="role", find=finding.roles, remove=_remove_role),
)

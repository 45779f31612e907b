"""How things are found again by the tag of their run: for each kind its ids, each with its run.

Of all runs. A thing whose name is ours but which has no tag of ours has the run "". Called by the table in `kinds.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.live.aws.ground import PATH, PREFIX, TAG, Ground, is_run

_TAGGED = [{"Name": "tag-key", "Values": [TAG]}]
SNAPSHOT_KEY = "recoverops-live:"
"""Begins the idempotency key of a live effect. Snapshots that an action makes carry it, followed by the run."""


def _run_of(tags: Iterable[Mapping[str, str]]) -> str:
    """Of tags as most services write them."""
    found = next((one["Value"] for one in tags if one["Key"] == TAG), "")
    return found if is_run(found) else ""


def pages(client: Any, call: str, key: str, **asked: Any) -> Iterator[Any]:
    for page in client.get_paginator(call).paginate(**asked):
        yield from page.get(key, ())


def groups(ground: Ground) -> Iterator[tuple[str, str]]:
    for one in pages(ground.client("autoscaling"), "describe_auto_scaling_groups", "AutoScalingGroups"):
        if run := _run_of(one.get("Tags", ())):
            yield one["AutoScalingGroupName"], run


def templates(ground: Ground) -> Iterator[tuple[str, str]]:
    for one in pages(ground.client("ec2"), "describe_launch_templates", "LaunchTemplates", Filters=_TAGGED):
        yield one["LaunchTemplateId"], _run_of(one.get("Tags", ()))


def instances(ground: Ground) -> Iterator[tuple[str, str]]:
    for page in pages(ground.client("ec2"), "describe_instances", "Reservations", Filters=_TAGGED):
        for one in page["Instances"]:
            if one["State"]["Name"] != "terminated":
                yield one["InstanceId"], _run_of(one["Tags"])


def addresses(ground: Ground) -> Iterator[tuple[str, str]]:
    for one in ground.client("ec2").describe_addresses(Filters=_TAGGED)["Addresses"]:
        yield one["AllocationId"], _run_of(one["Tags"])


def volumes(ground: Ground) -> Iterator[tuple[str, str]]:
    for one in pages(ground.client("ec2"), "describe_volumes", "Volumes", Filters=_TAGGED):
        if one["State"] != "deleted":
            yield one["VolumeId"], _run_of(one["Tags"])


def snapshots(ground: Ground) -> Iterator[tuple[str, str]]:
    """One that `ebs-snapshot` or `ebs-grow` made has no tag of ours, but the key of the run in theirs."""
    found: dict[str, str] = {}
    for name in (TAG, "recoverops:snapshot"):
        wanted = [{"Name": "tag-key", "Values": [name]}]
        for one in pages(ground.client("ec2"), "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=wanted):
            tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())}
            key = tags.get("recoverops:snapshot", "")
            run = key.split(":")[1] if key.startswith(SNAPSHOT_KEY) else tags.get(TAG, "")
            if is_run(run):
                found[one["SnapshotId"]] = run
    yield from found.items()


def security_groups(ground: Ground) -> Iterator[tuple[str, str]]:
    for one in pages(ground.client("ec2"), "describe_security_groups", "SecurityGroups", Filters=_TAGGED):
        yield one["GroupId"], _run_of(one["Tags"])


def functions(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("lambda")
    for one in pages(client, "list_functions", "Functions"):
        if one["FunctionName"].startswith(PREFIX):
            tags = client.list_tags(Resource=one["FunctionArn"]).get("Tags", {})
            yield one["FunctionName"], tags.get(TAG, "")


def clusters(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("ecs")
    for arn in pages(client, "list_clusters", "clusterArns"):
        if arn.rpartition("/")[2].startswith(PREFIX):
            for one in client.describe_clusters(clusters=[arn], include=["TAGS"])["clusters"]:
                if one["status"] != "INACTIVE":
                    yield one["clusterName"], _lower(one.get("tags", ()))


def definitions(ground: Ground) -> Iterator[tuple[str, str]]:
    """The active revisions. One that is not active any more costs nothing, and cannot be told from a deleted one."""
    client = ground.client("ecs")
    for family in pages(client, "list_task_definition_families", "families", familyPrefix=PREFIX, status="ACTIVE"):
        for arn in pages(client, "list_task_definitions", "taskDefinitionArns", familyPrefix=family):
            tags = client.list_tags_for_resource(resourceArn=arn).get("tags", ())
            yield arn, _lower(tags)


def _lower(tags: Iterable[Mapping[str, str]]) -> str:
    return _run_of({"Key": one["key"], "Value": one["value"]} for one in tags)


def balancers(ground: Ground) -> Iterator[tuple[str, str]]:
    arns = [one["LoadBalancerArn"] for one in pages(ground.client("elbv2"), "describe_load_balancers", "LoadBalancers")]
    yield from _tagged_balancing(ground, arns)


def target_groups(ground: Ground) -> Iterator[tuple[str, str]]:
    arns = [one["TargetGroupArn"] for one in pages(ground.client("elbv2"), "describe_target_groups", "TargetGroups")]
    yield from _tagged_balancing(ground, arns)


def _tagged_balancing(ground: Ground, arns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names are short there, so that only tags tell; of twenty in one call."""
    for start in range(0, len(arns), 20):
        told = ground.client("elbv2").describe_tags(ResourceArns=arns[start : start + 20])["TagDescriptions"]
        for one in told:
            if run := _run_of(one.get("Tags", ())):
                yield one["ResourceArn"], run


def streams(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("kinesis")
    for name in _stream_names(client):
        if name.startswith(PREFIX):
            yield name, _run_of(client.list_tags_for_stream(StreamName=name)["Tags"])


def _stream_names(client: Any) -> Iterator[str]:
    """By the name of the last one, which the double understands as well as AWS does; a token it does not give."""
    after: dict[str, str] = {}
    while True:
        page = client.list_streams(**after)
        yield from page["StreamNames"]
        if not page["HasMoreStreams"]:
            return
        after = {"ExclusiveStartStreamName": page["StreamNames"][-1]}


def log_groups(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("logs")
    for one in pages(client, "describe_log_groups", "logGroups", logGroupNamePrefix=PREFIX):
        tags = client.list_tags_for_resource(resourceArn=one["arn"].removesuffix(":*")).get("tags", {})
        yield one["logGroupName"], tags.get(TAG, "")


def alarms(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("cloudwatch")
    for one in pages(client, "describe_alarms", "MetricAlarms", AlarmNamePrefix=PREFIX):
        yield one["AlarmName"], _run_of(client.list_tags_for_resource(ResourceARN=one["AlarmArn"])["Tags"])


def topics(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("sns")
    for one in pages(client, "list_topics", "Topics"):
        if one["TopicArn"].rpartition(":")[2].startswith(PREFIX):
            yield one["TopicArn"], _run_of(client.list_tags_for_resource(ResourceArn=one["TopicArn"])["Tags"])


def queues(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("sqs")
    for url in pages(client, "list_queues", "QueueUrls", QueueNamePrefix=PREFIX):
        yield url, client.list_queue_tags(QueueUrl=url).get("Tags", {}).get(TAG, "")


def buckets(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("s3")
    for one in client.list_buckets()["Buckets"]:
        if one["Name"].startswith(PREFIX):
            yield one["Name"], _bucket_run(client, one["Name"])


def _bucket_run(client: Any, name: str) -> str:
    from botocore.exceptions import ClientError

    try:
        return _run_of(client.get_bucket_tagging(Bucket=name)["TagSet"])
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchTagSet", "NoSuchBucket"}:
            return ""
        raise


def documents(ground: Ground) -> Iterator[tuple[str, str]]:
    wanted = [{"Key": "Owner", "Values": ["Self"]}]
    for one in pages(ground.client("ssm"), "list_documents", "DocumentIdentifiers", Filters=wanted):
        if one["Name"].startswith(PREFIX):
            yield one["Name"], _run_of(one.get("Tags", ()))


def parameters(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("ssm")
    wanted = [{"Key": "Name", "Option": "BeginsWith", "Values": [PREFIX]}]
    for one in pages(client, "describe_parameters", "Parameters", ParameterFilters=wanted):
        tags = client.list_tags_for_resource(ResourceType="Parameter", ResourceId=one["Name"])["TagList"]
        yield one["Name"], _run_of(tags)


def secrets(ground: Ground) -> Iterator[tuple[str, str]]:
    for one in pages(ground.client("secretsmanager"), "list_secrets", "SecretList"):
        if one["Name"].startswith(PREFIX) and "DeletedDate" not in one:
            yield one["Name"], _run_of(one.get("Tags", ()))


def users(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("iam")
    for one in pages(client, "list_users", "Users", PathPrefix=PATH):
        yield one["UserName"], _run_of(client.list_user_tags(UserName=one["UserName"])["Tags"])


def profiles(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("iam")
    for one in pages(client, "list_instance_profiles", "InstanceProfiles", PathPrefix=PATH):
        if one["Path"] == PATH:  # the double lists all
            name = one["InstanceProfileName"]
            told = client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
            yield name, _run_of(told.get("Tags", ()))


def roles(ground: Ground) -> Iterator[tuple[str, str]]:
    client = ground.client("iam")
    for one in pages(client, "list_roles", "Roles", PathPrefix=PATH):
        yield one["RoleName"], _run_of(client.list_role_tags(RoleName=one["RoleName"])["Tags"])

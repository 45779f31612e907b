"""What a request to the double names: the resources and condition keys that IAM would judge it by.

One line in `RESOURCES` for each API that has resource-level permissions. An API that is not there names no resource, as
most `Describe*` do, so only a statement with `Resource: "*"` allows it: whoever adds an action notices at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

_TAG_KEY = re.compile(r"(^|\.)Tag\.\d+\.Key$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as moto has read it."""

    service: str
    api: str
    region: str
    account: str
    form: Mapping[str, Sequence[str]]
    """The parameters of the query protocols, e.g. `InstanceId.1`."""
    body: Mapping[str, Any]
    """The parameters of the JSON protocols."""
    path: str = ""
    """The path of the request, where REST protocols have their parameters."""

    def values(self, name: str) -> tuple[str, ...]:
        """All of `Name` and `Name.1`, `Name.2`, ..."""
        keys = [key for key in self.form if key == name or key.startswith(f"{name}.")]
        return tuple(self.form[key][0] for key in keys)

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    arn: str = "*"
    tags: Mapping[str, str] = field(default_factory=dict)


def resources_of(call: Call) -> tuple[Named, ...]:
    """At least one: a request that names nothing is judged once, as a request for `*`."""
    finder = RESOURCES.get(f"{call.service}:{call.api}")
    return (finder(call) if finder else ()) or (Named(),)


def context_of(call: Call, named: Named) -> dict[str, tuple[str, ...]]:
    """The condition keys, in the spelling of `policies.Asked`."""
    context: dict[str, tuple[str, ...]] = {"aws:requestedregion": (call.region,)}
    for key, value in named.tags.items():
        context[f"aws:resourcetag/{key}"] = context[f"{call.service}:resourcetag/{key}"] = (value,)
    keys = [key for key in call.form if _TAG_KEY.search(key)]
    if keys:
        context["aws:tagkeys"] = tuple(call.form[key][0] for key in keys)
    for key in keys:
        given = call.form.get(f"{key.removesuffix('Key')}Value", [""])[0]
        context[f"aws:requesttag/{call.form[key][0]}"] = (given,)
    if call.service == "s3" and "prefix" in call.form:
        context["s3:prefix"] = (call.form["prefix"][0],)
    if "ExternalId" in call.form:
        context["sts:externalid"] = (call.form["ExternalId"][0],)
    return context


def action_of(call: Call) -> str:
    """What IAM calls the right to this call: mostly as the call."""
    called = f"{call.service}:{call.api}"
    return _ACTIONS.get(called, called)


_ACTIONS = {"sqs:DeleteMessageBatch": "sqs:DeleteMessage"}


def _queue(call: Call) -> tuple[Named, ...]:
    account, name = str(call.body.get("QueueUrl", "")).split("/")[-2:]
    return (Named(arn=f"arn:aws:sqs:{call.region}:{account}:{name}"),)


def _bucket(call: Call) -> tuple[Named, ...]:
    return (Named(arn=f"arn:aws:s3:::{call.values('Bucket')[0]}"),)


def _object(call: Call) -> tuple[Named, ...]:
    return (Named(arn=f"arn:aws:s3:::{call.values('Bucket')[0]}/{call.values('Key')[0]}"),)


def tagged_at_creation(call: Call) -> tuple[Named, ...]:
    """What a call of EC2 gives tags while it makes it: for that AWS asks for `ec2:CreateTags` as well."""
    kinds = {call.form[key][0] for key in call.form if re.fullmatch(r"TagSpecification\.\d+\.ResourceType", key)}
    return tuple(_made(call, kind) for kind in sorted(kinds))


def _made(call: Call, kind: str) -> Named:
    """A resource that has no id yet. Snapshots and images belong to no account, in their ARN."""
    owner = "" if kind in {"snapshot", "image"} else call.account
    return Named(arn=f"arn:aws:ec2:{call.region}:{owner}:{kind}/*")


def _instances(parameter: str) -> Callable[[Call], tuple[Named, ...]]:
    def find(call: Call) -> tuple[Named, ...]:
        return tuple(
            Named(arn=call.arn("ec2", f"instance/{one}"), tags=_instance_tags(call, one))
            for one in call.values(parameter)
        )

    return find


def _instance_tags(call: Call, instance: str) -> dict[str, str]:
    from moto.ec2.exceptions import InvalidInstanceIdError
    from moto.ec2.models import ec2_backends

    try:
        found = ec2_backends[call.account][call.region].get_instance(instance)
    except InvalidInstanceIdError:
        return {}
    return {one["key"]: one["value"] for one in found.get_tags()}


def _groups(call: Call) -> tuple[Named, ...]:
    from moto.autoscaling.models import autoscaling_backends

    groups = autoscaling_backends[call.account][call.region].autoscaling_groups
    found = []
    for name in call.values("AutoScalingGroupName"):
        group = groups.get(name)
        tags = {} if group is None else {one["Key"]: one["Value"] for one in group.tags}
        arn = (
            call.arn("autoscaling", f"autoScalingGroup:none:autoScalingGroupName/{name}")
            if group is None
            else group.arn
        )
        found.append(Named(arn=arn, tags=tags))
    return tuple(found)


def _ecs_services(call: Call) -> tuple[Named, ...]:
    from moto.ecs.models import ecs_backends

    backend = ecs_backends[call.account][call.region]
    cluster = str(call.body.get("cluster", "default")).rpartition("/")[2]
    names = call.body.get("services") or [call.body.get("service", "")]
    found = []
    for name in (str(one).rpartition("/")[2] for one in names):
        service = backend.services.get(f"{cluster}:{name}")
        tags = {} if service is None else {one["key"]: one["value"] for one in service.tags or ()}
        found.append(Named(arn=call.arn("ecs", f"service/{cluster}/{name}"), tags=tags))
    return tuple(found)


def _functions(call: Call) -> tuple[Named, ...]:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    name = re.search(r"/functions/([^/]+)|/tags/.*function(?::|%3A)([^/]+)$", call.path)
    if name is None:
        return ()
    function = name[1] or name[2]
    tags: dict[str, str] = {}
    with suppress(UnknownFunctionException):
        tags = dict(lambda_backends[call.account][call.region].get_function(function).tags or {})
    return (Named(arn=call.arn("lambda", f"function:{function}"), tags=tags),)


def _databases(call: Call) -> tuple[Named, ...]:
    from moto.rds.models import rds_backends

    known = rds_backends[call.account][call.region].databases
    return tuple(
        Named(
            arn=call.arn("rds", f"db:{one}"),
            tags={tag["Key"]: tag["Value"] for tag in known[one].tags} if one in known else {},
        )
        for one in call.values("DBInstanceIdentifier")
    )


def _security_groups(parameter: str) -> Callable[[Call], tuple[Named, ...]]:
    def find(call: Call) -> tuple[Named, ...]:
        from moto.ec2.models import ec2_backends

        found = []
        for one in call.values(parameter):
            group = ec2_backends[call.account][call.region].get_security_group_from_id(one)
            tags = {} if group is None else {tag["key"]: tag["value"] for tag in group.get_tags()}
            found.append(Named(arn=call.arn("ec2", f"security-group/{one}"), tags=tags))
        return tuple(found)

    return find


def _group_of_instance(call: Call) -> tuple[Named, ...]:
    from moto.autoscaling.models import autoscaling_backends

    wanted = call.values("InstanceId")
    return tuple(
        Named(arn=group.arn, tags={one["Key"]: one["Value"] for one in group.tags})
        for group in autoscaling_backends[call.account][call.region].autoscaling_groups.values()
        if any(one.instance.id in wanted for one in group.instance_states)
    )


def _load_balancing(parameter: str) -> Callable[[Call], tuple[Named, ...]]:
    def find(call: Call) -> tuple[Named, ...]:
        from moto.elbv2.models import elbv2_backends

        tags = elbv2_backends[call.account][call.region].tagging_service
        return tuple(Named(arn=one, tags=tags.get_tag_dict_for_resource(one)) for one in call.values(parameter))

    return find


def _addresses(call: Call) -> tuple[Named, ...]:
    from moto.ec2.models import ec2_backends

    known = {one.allocation_id: one for one in ec2_backends[call.account][call.region].addresses}
    return tuple(
        Named(arn=call.arn("ec2", f"elastic-ip/{one}"), tags=_ec2_tags(known.get(one)))
        for one in call.values("AllocationId")
    )


def _ec2_tags(resource: Any) -> dict[str, str]:
    return {} if resource is None else {one["key"]: one["value"] for one in resource.get_tags()}


def _topic(call: Call) -> tuple[Named, ...]:
    return tuple(Named(arn=one) for one in call.values("TopicArn"))


def _interfaces(call: Call) -> tuple[Named, ...]:
    return tuple(Named(arn=call.arn("ec2", f"network-interface/{one}")) for one in call.values("NetworkInterfaceId"))


def _all_of(*finders: Callable[[Call], tuple[Named, ...]]) -> Callable[[Call], tuple[Named, ...]]:
    return lambda call: tuple(one for finder in finders for one in finder(call))


def _users(call: Call) -> tuple[Named, ...]:
    """By name, or by one of their access keys."""
    from moto.iam.models import iam_backends

    backend = iam_backends[call.account]["aws"]
    names, keys = call.values("UserName"), call.values("AccessKeyId")
    users = [one for one in backend.users.values() if one.name in names or any(map(one.has_access_key, keys))]
    return tuple(Named(arn=one.arn, tags=_user_tags(backend, one)) for one in users)


def _user_tags(backend: Any, user: Any) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in backend.list_user_tags(user.name)}


def _volume(call: Call) -> tuple[Named, ...]:
    from moto.ec2.models import ec2_backends

    known = ec2_backends[call.account][call.region].volumes
    return tuple(
        Named(
            arn=call.arn("ec2", f"volume/{one}"),
            tags={tag["key"]: tag["value"] for tag in known[one].get_tags()} if one in known else {},
        )
        for one in call.values("VolumeId")
    )


def _snapshots(call: Call) -> tuple[Named, ...]:
    from moto.ec2.models import ec2_backends

    known = ec2_backends[call.account][call.region].snapshots
    return tuple(
        Named(
            arn=f"arn:aws:ec2:{call.region}::snapshot/{one}",
            tags={tag["key"]: tag["value"] for tag in known[one].get_tags()} if one in known else {},
        )
        for one in call.values("SnapshotId")
    )


def _source(call: Call) -> tuple[Named, ...]:
    return tuple(Named(arn=one) for one in call.values("PolicySourceArn"))


def _policy(call: Call) -> tuple[Named, ...]:
    return tuple(Named(arn=one) for one in call.values("PolicyArn"))


def _named_role(call: Call) -> tuple[Named, ...]:
    from moto.iam.models import iam_backends

    backend = iam_backends[call.account]["aws"]
    return tuple(Named(arn=one.arn) for one in backend.roles.values() if one.name in call.values("RoleName"))


def _role(call: Call) -> tuple[Named, ...]:
    return tuple(Named(arn=one) for one in call.values("RoleArn"))


def _parameter(call: Call) -> tuple[Named, ...]:
    return (Named(arn=call.arn("ssm", f"parameter/{str(call.body.get('Name', '')).removeprefix('/')}")),)


def _secret(call: Call) -> tuple[Named, ...]:
    """A secret that is not there is judged as if it had some suffix."""
    from moto.secretsmanager.models import secretsmanager_backends

    name = str(call.body.get("SecretId", ""))
    secrets = secretsmanager_backends[call.account][call.region].secrets
    found = secrets.get(name) if name in secrets else None
    return (Named(arn=found.arn if found else call.arn("secretsmanager", f"secret:{name}-000000")),)


def _command(call: Call) -> tuple[Named, ...]:
    """A command is judged on its document and on every instance; their tags are `ssm:resourceTag/...`."""
    instances = (str(one) for one in call.body.get("InstanceIds", ()))
    return (
        *_document(call),
        *(Named(arn=call.arn("ec2", f"instance/{one}"), tags=_instance_tags(call, one)) for one in instances),
    )


def _document(call: Call) -> tuple[Named, ...]:
    name = str(call.body.get("DocumentName") or call.body.get("Name"))
    return (Named(arn=call.arn("ssm", f"document/{name}")),)


def _automation(call: Call) -> tuple[Named, ...]:
    version = call.body.get("DocumentVersion", "$DEFAULT")
    return (Named(arn=call.arn("ssm", f"automation-definition/{call.body.get('DocumentName')}:{version}")),)


def _execution(call: Call) -> tuple[Named, ...]:
    return (Named(arn=call.arn("ssm", f"automation-execution/{call.body.get('AutomationExecutionId')}")),)


def passed_roles(call: Call) -> tuple[tuple[str, str], ...]:
    """Roles that the request hands to a service of AWS, each with the service: they need `iam:PassRole` as well."""
    if f"{call.service}:{call.api}" != "ssm:StartAutomationExecution":
        return ()
    given = call.body.get("Parameters", {}).get("AutomationAssumeRole", ())
    return tuple((str(one), "ssm.amazonaws.com") for one in given)


def _stream(call: Call) -> tuple[Named, ...]:
    return (Named(arn=str(call.body.get("StreamARN") or call.arn("kinesis", f"stream/{call.body.get('StreamName')}"))),)


def _log_group(call: Call) -> tuple[Named, ...]:
    """The colon at its end is AWS's: only a policy for `<group>:*` fits."""
    return (Named(arn=call.arn("logs", f"log-group:{call.body.get('logGroupName')}:log-stream:")),)


RESOURCES: dict[str, Callable[[Call], tuple[Named, ...]]] = {
    "ec2:RebootInstances": _instances("InstanceId"),
    "ec2:StartInstances": _instances("InstanceId"),
    "ec2:StopInstances": _instances("InstanceId"),
    "ec2:TerminateInstances": _instances("InstanceId"),
    "ec2:ModifyInstanceAttribute": _all_of(_instances("InstanceId"), _security_groups("GroupId")),
    "ec2:ModifyNetworkInterfaceAttribute": _all_of(_interfaces, _security_groups("SecurityGroupId")),
    "ec2:RevokeSecurityGroupIngress": _security_groups("GroupId"),
    "ec2:AuthorizeSecurityGroupIngress": _all_of(_security_groups("GroupId"), tagged_at_creation),
    "ec2:DeleteVolume": _volume,
    "ec2:ReleaseAddress": _addresses,
    "sns:Publish": _topic,
    "iam:GetPolicy": _policy,
    "iam:GetPolicyVersion": _policy,
    "iam:GetRolePolicy": _named_role,
    "iam:GetUserPolicy": _users,
    "iam:ListAccessKeys": _users,
    "iam:ListAttachedRolePolicies": _named_role,
    "iam:ListAttachedUserPolicies": _users,
    "iam:ListGroupsForUser": _users,
    "iam:ListRolePolicies": _named_role,
    "iam:ListUserPolicies": _users,
    "iam:SimulatePrincipalPolicy": _source,
    "iam:ListUserTags": _users,
    "iam:GetAccessKeyLastUsed": _users,
    "iam:UpdateAccessKey": _users,
    "ec2:CreateTags": _instances("ResourceId"),
    "ec2:DeleteTags": _instances("ResourceId"),
    "ec2:MonitorInstances": _instances("InstanceId"),
    "ec2:UnmonitorInstances": _instances("InstanceId"),
    "ec2:CreateSnapshot": lambda call: (*_volume(call), _made(call, "snapshot")),
    "ec2:DeleteSnapshot": _snapshots,
    "ec2:ModifyVolume": _volume,
    "autoscaling:SetDesiredCapacity": _groups,
    "autoscaling:StartInstanceRefresh": _groups,
    "autoscaling:TerminateInstanceInAutoScalingGroup": _group_of_instance,
    "elasticloadbalancing:RegisterTargets": _load_balancing("TargetGroupArn"),
    "elasticloadbalancing:DeregisterTargets": _load_balancing("TargetGroupArn"),
    "elasticloadbalancing:ModifyListener": _load_balancing("ListenerArn"),
    "elasticloadbalancing:ModifyRule": _load_balancing("RuleArn"),
    "ecs:DescribeServices": _ecs_services,
    "ecs:UpdateService": _ecs_services,
    "secretsmanager:GetSecretValue": _secret,
    "ssm:GetParameter": _parameter,
    "lambda:GetAlias": _functions,
    "lambda:UpdateAlias": _functions,
    "lambda:ListTags": _functions,
    "lambda:ListVersionsByFunction": _functions,
    "lambda:GetFunctionConcurrency": _functions,
    "lambda:PutFunctionConcurrency": _functions,
    "lambda:DeleteFunctionConcurrency": _functions,
    "rds:DescribeDBInstances": _databases,
    "rds:ModifyDBInstance": _databases,
    "rds:RebootDBInstance": _databases,
    "ssm:DescribeDocument": _document,
    "ssm:GetAutomationExecution": _execution,
    "ssm:SendCommand": _command,
    "ssm:StartAutomationExecution": _automation,
    "ssm:StopAutomationExecution": _execution,
    "sqs:ReceiveMessage": _queue,
    "sqs:DeleteMessage": _queue,
    "sqs:DeleteMessageBatch": _queue,
    "s3:ListBucket": _bucket,
    "s3:GetObject": _object,
    "s3:PutObject": _object,
    "s3:DeleteObject": _object,
    "sts:AssumeRole": _role,
    "kinesis:ListShards": _stream,
    "kinesis:GetShardIterator": _stream,
    "kinesis:GetRecords": _stream,
    "logs:FilterLogEvents": _log_group,
}

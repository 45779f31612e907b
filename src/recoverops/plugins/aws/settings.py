"""The aws plugin's part of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from recoverops.model import Duration
from recoverops.plugins.aws.action_bounds import BoundsSettings
from recoverops.plugins.aws.inbox_settings import InboxSettings
from recoverops.plugins.aws.intake_settings import EventBridgeSettings, SnsSettings
from recoverops.plugins.aws.keeping_settings import KeepingSettings, SmartCloudOpsSettings
from recoverops.plugins.aws.object_store_settings import ObjectStoreSettings
from recoverops.plugins.aws.security_settings import Protected, SecuritySettings
from recoverops.plugins.aws.ssm_settings import NEEDED_PARTS, SsmSettings
from recoverops.plugins.aws.stream_settings import KinesisSettings, LogGroupSettings, LogsSettings
from recoverops.plugins.aws.waste_settings import TopicArn, TopicName, WasteSettings

ActionName = Literal[
    "ec2-reboot",
    "ec2-stop",
    "ec2-start",
    "ec2-resize",
    "ec2-terminate",
    "ec2-monitoring",
    "asg-scale",
    "asg-refresh",
    "ecs-redeploy",
    "ecs-rollback",
    "ecs-scale",
    "elb-target-out",
    "elb-shift-weights",
    "elb-shift-rule-weights",
    "lambda-rollback",
    "lambda-concurrency",
    "rds-failover",
    "rds-storage",
    "rds-class",
    "sg-close-ingress",
    "iam-key-deactivate",
    "ec2-isolate",
    "ebs-grow",
    "ebs-snapshot",
    "ssm-restart-service",
    "ssm-clean-disk",
    "ssm-run",
    "ssm-automation",
    "emergency-shutdown",
    "ebs-delete-unattached",
    "eip-release",
]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$")]
OwnMetric = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)]


class AccountSettings(BaseModel):
    """One account, and how to get into it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="What addresses of services call it: `account=shop`. No default.",
    )
    id: str = Field(
        pattern=r"^[0-9]{12}$",
        description="Its twelve digits, in quotes. No default: credentials of another account are refused before "
        "anything is asked.",
    )
    regions: tuple[Region, ...] = Field(
        min_length=1,
        max_length=40,
        strict=False,
        description="The regions that are looked at and acted in, e.g. `[eu-central-1]`. No default: nothing is done "
        "in a region that nobody named.",
    )
    role: str | None = Field(
        default=None,
        pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$",
        description="ARN of the role that is assumed for it. Default none: the credentials in use are its own.",
    )
    external_id: str | None = Field(
        default=None,
        pattern=r"^[\w+=,.@:/-]+$",
        min_length=2,
        max_length=1224,
        description="The external id that the role's trust policy asks for. Default none; needs `role`.",
    )

    @model_validator(mode="after")
    def _role_fits(self) -> AccountSettings:
        if self.external_id is not None and self.role is None:
            raise ValueError("external_id is given without a role to assume; name the role, or leave it out")
        if self.role is not None and self.role.split(":")[4] != self.id:
            raise ValueError(f"the role {self.role} is not in the account {self.id}")
        return self


class WatchSettings(BaseModel):
    """One CloudWatch metric of many services."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    namespace: str = Field(
        min_length=1, max_length=255, description="Its namespace, e.g. AWS/EC2 or one of your own. No default."
    )
    name: str = Field(min_length=1, max_length=255, description="Its name there, e.g. CPUUtilization. No default.")
    stat: str = Field(
        default="Average",
        pattern=r"^(Average|Sum|Minimum|Maximum|SampleCount|p[0-9]{1,2}(\.[0-9]{1,10})?)$",
        description="Average, Sum, Minimum, Maximum, SampleCount or a percentile such as p99. Default Average.",
    )
    metric: OwnMetric = Field(
        description="What it is called here, e.g. host.cpu.utilization. No default: rules and thresholds ask for it."
    )
    scale: float = Field(
        default=1.0, gt=0, description="Every value is multiplied by it: 0.01 makes a ratio of percents. Default 1."
    )
    dimension: str = Field(
        min_length=1,
        max_length=255,
        description="The dimension that names the service: by the id in its `aws` address (for ECS the part after the "
        "slash), or by its name in the inventory. No default.",
    )
    others: Mapping[str, str] = Field(
        default={},
        description="The metric's other dimensions with the values they must have, e.g. `{ClusterName: shop}`. Default "
        "none: a metric with further dimensions is another metric.",
    )


class MetricsSettings(BaseModel):
    """The source `cloudwatch-metrics`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    every: Duration = Field(
        default=timedelta(minutes=1),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="How often the values are asked for, 1s to 1h. Default 1m: AWS charges for each metric asked, and "
        "most have a value a minute at best.",
    )
    period: Duration = Field(
        default=timedelta(minutes=1),
        ge=timedelta(minutes=1),
        le=timedelta(hours=1),
        description="The time that one value stands for, in whole minutes. Default 1m; basic monitoring of EC2 has 5m.",
    )
    late: Duration = Field(
        default=timedelta(minutes=10),
        ge=timedelta(minutes=1),
        le=timedelta(hours=3),
        description="How far back is read again at each poll, for values that arrive late. Default 10m: two values of "
        "basic monitoring.",
    )
    discover_every: Duration = Field(
        default=timedelta(minutes=10),
        ge=timedelta(seconds=10),
        le=timedelta(hours=24),
        description="How often is looked which metrics there are. Default 10m; a namespace costs one call for 500.",
    )
    watch: tuple[WatchSettings, ...] = Field(
        min_length=1,
        max_length=64,
        strict=False,
        description="The metrics that are asked for, 1 to 64 of them. No default.",
    )

    @field_validator("period")
    @classmethod
    def _whole_minutes(cls, period: timedelta) -> timedelta:
        if period % timedelta(minutes=1):
            raise ValueError("write whole minutes, e.g. 5m: CloudWatch keeps no finer ones")
        return period

    @model_validator(mode="after")
    def _late_holds_a_period(self) -> MetricsSettings:
        if self.late < self.period:
            raise ValueError("late is shorter than period, so no value would ever be read; make it longer")
        names = [one.metric for one in self.watch]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the metric {twice[0]} is watched twice; give each its own name")
        return self


class AwsSettings(BaseModel):
    """Accounts on AWS, what is watched there, and what may be done."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    accounts: tuple[AccountSettings, ...] = Field(
        default=(),
        max_length=100,
        strict=False,
        description="The accounts, each with its regions, one or more. Default none, which is right only when this "
        "plugin has nothing to do but reach `object_store.endpoint_url`.",
    )
    access_key: str | None = Field(
        default=None,
        description="Reference to an access key id, e.g. `env:AWS_KEY_ID`. Default none: the usual chain of the SDK "
        "(environment, profile, instance or task role), which is better.",
    )
    secret_key: str | None = Field(
        default=None, description="Reference to the secret of `access_key`, e.g. `file:/run/secrets/aws`. Default none."
    )
    endpoint_url: str | None = Field(
        default=None,
        pattern=r"^http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?$",
        description="For tests only: a server on this host that answers in the place of AWS. Default none.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=5),
        ge=timedelta(milliseconds=100),
        le=timedelta(seconds=60),
        description="How long connecting, and each wait for an answer, may take, 100ms to 60s. Default 5s.",
    )
    attempts: int = Field(
        default=4,
        ge=1,
        le=10,
        description="How often a call is tried that AWS throttles, and one that only reads and fails, 1 to 10, in the "
        "SDK's adaptive mode. Default 4. A call that changes something is never repeated when its answer is lost.",
    )
    action_timeout: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="How long an action may take, with the wait for the state it asks for, 1s to 1h. Default 5m: "
        "stopping an instance can take minutes.",
    )
    only_tagged: Mapping[str, str] = Field(
        default={},
        description="Tags that a resource must carry to be acted on, e.g. `{recoverops: allowed}`; they are conditions "
        "of the generated policy as well. Default none: the addresses of the services are the limit.",
    )
    protected: tuple[Protected, ...] = Field(
        default=(),
        max_length=1000,
        strict=False,
        description="Ids and names of resources that no action touches, e.g. `[i-0123456789abcdef0, cluster/service]`. "
        "Name the instance, group or service that RecoverOps itself runs on, its database and its bastion: it cannot "
        "find out by itself, because it never asks the metadata address. Default none.",
    )
    max_share_of_group: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="The largest share of the healthy members of a real Auto Scaling group that an action may take out "
        "at the same time. Default 0.5; the last healthy member is never taken.",
    )
    max_step: int = Field(
        default=2,
        ge=1,
        le=100,
        description="By how much asg-scale and ecs-scale may change the desired count at once, 1 to 100. Default 2.",
    )
    bounds: BoundsSettings = Field(
        default=BoundsSettings(), description="What no action goes beyond. Default: the values below."
    )
    actions: tuple[ActionName, ...] = Field(
        default=(),
        strict=False,
        description="The actions that exist, e.g. `[ec2-reboot, asg-scale]`. Default none: nothing is ever changed, "
        "and the generated policy only reads.",
    )
    security: SecuritySettings = Field(
        default_factory=SecuritySettings,
        description="What the security actions may never cut off, and quarantine. Default: nothing is named.",
    )
    metrics: MetricsSettings | None = Field(
        default=None, description="The source `cloudwatch-metrics`. Default none: nothing is asked of CloudWatch."
    )
    sns: SnsSettings | None = Field(
        default=None,
        description="The intake `aws-sns`, for alarms and events over SNS. Default none: no delivery of SNS is taken.",
    )
    inbox: InboxSettings = Field(
        default=InboxSettings(),
        description="What is read from AWS piece by piece: queues of SQS and objects of S3. Default: nothing.",
    )
    eventbridge: EventBridgeSettings | None = Field(
        default=None,
        description="The intake `aws-eventbridge`, for an API destination of EventBridge; `{}` will do. Default none.",
    )
    log_groups: tuple[LogGroupSettings, ...] = Field(
        default=(),
        max_length=500,
        strict=False,
        description="Log groups, and whose they are, beside those of the addresses `aws-logs`. Default none.",
    )
    logs: LogsSettings | None = Field(
        default=None,
        description="The source `cloudwatch-logs`, which polls every log group above. Default none: none is polled.",
    )
    kinesis: tuple[KinesisSettings, ...] = Field(
        default=(),
        max_length=32,
        strict=False,
        description="Kinesis data streams of log records, each a source `kinesis-<stream>`. Default none.",
    )

    check_permissions: bool = Field(
        default=False,
        description="Whether the generated policy has the rights to read its own holder's policies, so that "
        "`recoverops check` can tell what is missing or too wide. Default false: the engine does not need them.",
    )
    keeping: KeepingSettings = Field(
        default=KeepingSettings(),
        description="Where `ssm:` and `secretsmanager:` references lead. Default: the only account and region.",
    )
    object_store: ObjectStoreSettings = Field(
        default=ObjectStoreSettings(),
        description="How `s3://` places of models and history are reached. Default: the only account and region.",
    )
    smartcloudops: SmartCloudOpsSettings | None = Field(
        default=None, description="The switch `/smartcloudops/<env>/approvals/auto`. Default none: it is not read."
    )

    ssm: SsmSettings | None = Field(
        default=None,
        description="What may be run through Systems Manager. Default none: the actions `ssm-*` cannot be enabled.",
    )

    waste: WasteSettings | None = Field(
        default=None,
        description="The source `aws-waste`, and a line of `recoverops check`: idle instances, unattached volumes, "
        "unused addresses. Default none: nobody looks.",
    )
    publish_to: Mapping[TopicName, TopicArn] = Field(
        default={},
        max_length=20,
        description="SNS topics that people are told through, by name: `pages: arn:aws:sns:eu-central-1:...:pages` is "
        "the notifier `sns-pages`. Each in a region of `accounts`. Default none: nothing is published anywhere else.",
    )

    @model_validator(mode="after")
    def _ssm_is_declared(self) -> AwsSettings:
        for action, part in NEEDED_PARTS.items():
            if action in self.actions and not getattr(self.ssm, part, None):
                raise ValueError(f"the action {action} needs ssm.{part}, which says what it may run; add it")
        return self

    @model_validator(mode="after")
    def _topics_are_reached(self) -> AwsSettings:
        for topic in self.publish_to.values():
            _, _, _, region, account, _ = topic.split(":")
            if not any(one.id == account and region in one.regions for one in self.accounts):
                raise ValueError(f"the topic {topic} is in no account and region of accounts; add it there")
        return self

    @model_validator(mode="after")
    def _is_whole(self) -> AwsSettings:
        if not self.accounts and self.object_store.endpoint_url is None:
            raise ValueError("accounts is missing; name at least one account with its id and regions")
        names = [one.name for one in self.accounts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two accounts are called {twice[0]}; give each its own name")
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key belong together; give both or neither")
        return self

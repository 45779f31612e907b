"""How far the actions of this plugin may go: the setting `bounds`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration


class BoundsSettings(BaseModel):
    """What no action goes beyond, whatever a runbook asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_tasks: int = Field(
        default=20,
        ge=1,
        le=5000,
        description="The largest desired count that ecs-scale may set, 1 to 5000. Default 20.",
    )
    max_reserved_concurrency: int = Field(
        default=100,
        ge=0,
        le=100_000,
        description="The largest reserved concurrency that lambda-concurrency may set. Default 100: what one function "
        "reserves, all others of the account cannot use.",
    )
    max_growth_percent: int = Field(
        default=50,
        ge=10,
        le=400,
        description="By how much of its size rds-storage and ebs-grow may grow storage at once, 10 to 400. Default "
        "50: storage cannot shrink again.",
    )
    max_storage_gib: int = Field(
        default=1000,
        ge=1,
        le=65_536,
        description="The largest storage, in GiB, that rds-storage and ebs-grow may grow to. Default 1000.",
    )
    refresh_min_healthy: int = Field(
        default=90,
        ge=50,
        le=100,
        description="The percentage of a group that asg-refresh keeps in service, 50 to 100. Default 90. With 100, new "
        "members are started before old ones end, and the group is larger than it should be for that time.",
    )
    monitoring_lasts: Duration = Field(
        default=timedelta(hours=1),
        ge=timedelta(minutes=5),
        le=timedelta(hours=24),
        description="How long ec2-monitoring keeps detailed monitoring on, 5m to 24h. Default 1h.",
    )
    look_behind_balancers: bool = Field(
        default=True,
        description="Whether ec2-reboot, ec2-stop and ec2-resize look at the region's target groups, up to 100, and "
        "never take the last healthy target. Default true; it costs a call for each target group.",
    )
    slow_timeout: Duration = Field(
        default=timedelta(minutes=30),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="The `action_timeout` of actions that wait for databases and snapshots, 1s to 1h. Default 30m.",
    )

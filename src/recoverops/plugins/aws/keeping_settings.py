"""Settings of what AWS keeps for RecoverOps: secrets, and the parameters of Smart CloudOps."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration


class KeepingSettings(BaseModel):
    """Where `ssm:` and `secretsmanager:` references lead. Needed only with several accounts or regions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    account: str | None = Field(
        default=None,
        description="The account, by its name in `accounts`. Default: the one account, if there is only one.",
    )
    region: str | None = Field(
        default=None, description="One of its regions. Default: the one region, if there is only one."
    )
    keys: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        strict=False,
        description="ARNs of the KMS keys of your own that encrypt them; the generated policy then has kms:Decrypt on "
        "exactly these. Default none: AWS's own keys aws/ssm and aws/secretsmanager need no permission.",
    )


class SmartCloudOpsSettings(BaseModel):
    """The parameter `/smartcloudops/<env>/approvals/auto`: from outside, it can demand approval of every action."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    env: str = Field(
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="The environment in the names of its parameters, e.g. prod. No default.",
    )
    every: Duration = Field(
        default=timedelta(minutes=1),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="How often the parameter is read, 1s to 1h. Default 1m. A reading older than three times this "
        "demands approval, too.",
    )

"""AWS: watch services that run there, and repair them through its APIs. `assembly` puts the parts together.

Nothing outside this folder knows AWS. boto3 (extra `aws`) is imported at the first call, never before.
"""

from __future__ import annotations

from recoverops.plugins.aws.settings import AccountSettings, AwsSettings
from recoverops.ports import Plugin, PluginContext, PluginParts

__all__ = ["AccountSettings", "AwsSettings", "plugin"]


def _build(settings: AwsSettings, context: PluginContext) -> PluginParts:
    from recoverops.plugins.aws.assembly import assembled

    return assembled(settings, context)


plugin = Plugin(
    name="aws",
    settings=AwsSettings,
    build=_build,
    schemes=("ssm", "secretsmanager"),
    addresses=("aws", "aws-logs"),
    summary="Watches CloudWatch, and repairs EC2 instances, Auto Scaling groups and ECS services on AWS.",
)

"""Settings of the plugin that enable every action, with what those through SSM may run."""

from __future__ import annotations

from typing import Any, get_args

from recoverops.plugins.aws import AwsSettings
from recoverops.plugins.aws.settings import ActionName

_ROLE = "arn:aws:iam::111111111111:role/automation"
_BACK = {
    "look": "Shop-Type",
    "look_version": "1",
    "document": "Shop-Resize",
    "version": "2",
    "restore": {"InstanceType": "look.Type"},
}
_RESIZE: dict[str, Any] = {
    "name": "resize",
    "document": "Shop-Resize",
    "version": "2",
    "role": _ROLE,
    "target": {"InstanceId": "instance"},
    "parameters": {"InstanceType": "[a-z0-9]+[.][a-z0-9]+"},
    "rollback": _BACK,
}
_ROLLBACK: dict[str, Any] = {
    "name": "ecs-rollback",
    "document": "Shop-Rollback",
    "version": "1",
    "role": _ROLE,
    "kind": "ecs",
    "target": {"Cluster": "cluster", "Service": "service"},
    "parameters": {"Revision": "[a-z]+:[0-9]+"},
}
_LOGS: dict[str, Any] = {
    "name": "old-logs",
    "services": ["checkout"],
    "path": "/var/log/checkout",
    "names": "*.log",
    "older_than_days": 7,
}
SSM: dict[str, Any] = {
    "restart": {"units": {"checkout": ["checkout.service"]}},
    "clean": {"files": [_LOGS]},
    "commands": [{"name": "say", "document": "Shop-Say", "parameters": {"Word": "[a-z]+"}}],
    "automations": [_RESIZE, _ROLLBACK],
}
DECLARED = AwsSettings.model_validate(
    {
        "accounts": [{"name": "shop", "id": "111111111111", "regions": ["eu-central-1"]}],
        "actions": list(get_args(ActionName)),
        "ssm": SSM,
        "security": {"quarantine_groups": ["sg-0123456789abcdef0"]},
    }
)

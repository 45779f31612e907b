"""One scene's hands: it makes things with the run's tag, notes them, and builds the plugin on a role of its own.

The role has the generated policy and nothing else, and every statement that changes something is bound to the run's
tag: an error of ours reaches nothing that is not the run's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.live.aws.ground import PATH, TAG, Ground
from tests.live.aws.kinds import Found

from recoverops.model import Service
from recoverops.plugins.aws import AwsSettings, plugin
from recoverops.ports import PluginContext, PluginParts


@dataclass(kw_only=True)
class Stage:
    """A scene's part of a run."""

    ground: Ground
    scene: str
    tell: Callable[[str], object]
    made: list[Found] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return self.ground.client(service)

    @property
    def tags(self) -> dict[str, str]:
        """Of what this scene makes: the run's, and its own, by which addresses choose."""
        return {**self.ground.tags, "scene": self.scene}

    @property
    def listed(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    def specified(self, *kinds: str) -> list[dict[str, Any]]:
        """`TagSpecifications` of EC2."""
        return [{"ResourceType": kind, "Tags": self.listed} for kind in kinds]

    def called(self, what: str = "") -> str:
        return self.ground.called(f"{self.scene}-{what}" if what else self.scene)

    def kept(self, kind: str, ident: str) -> str:
        """Noted for the clean-up, at once after it was made."""
        self.made.append(Found(kind=kind, ident=ident, run=self.ground.run))
        return ident

    def role(self, what: str, *, service: str = "") -> str:
        """The ARN of a new role without rights: for us, or for a service of AWS."""
        principal = {"Service": service} if service else {"AWS": f"arn:aws:iam::{self.ground.account}:root"}
        statement: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        if not service:
            statement["Condition"] = {"StringEquals": {"sts:ExternalId": self.ground.run}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        name = self.called(what)
        made = self.client("iam").create_role(
            RoleName=name, Path=PATH, AssumeRolePolicyDocument=trust, Tags=self.listed, MaxSessionDuration=3600
        )
        self.kept("role", name)
        arn: str = made["Role"]["Arn"]
        return arn

    def allow(self, role: str, policy: str) -> None:
        name = role.rpartition("/")[2]
        self.client("iam").put_role_policy(RoleName=name, PolicyName="generated", PolicyDocument=policy)

    def parts(self, role: str, addresses: Mapping[str, Mapping[str, str]], **settings: Any) -> PluginParts:
        """The plugin, working with this role. `addresses`: of the services, by their names."""
        account = {"name": "live", "id": self.ground.account, "regions": [self.ground.region]}
        given: dict[str, Any] = {
            "accounts": [{**account, "role": role, "external_id": self.ground.run}],
            "endpoint_url": self.ground.endpoint,
            "only_tagged": {TAG: self.ground.run},
            "action_timeout": "8m",
            **settings,
            "bounds": {"slow_timeout": "20m", **settings.get("bounds", {})},
        }
        services = {
            name: Service(name=name, group="live", address=dict(address)) for name, address in addresses.items()
        }
        references = tuple(given.pop("references", ()))
        context = PluginContext(clock=self.ground.clock, services=services, secret=_no_secret, references=references)
        return plugin.build(AwsSettings.model_validate(given), context)

    def able(self, addresses: Mapping[str, Mapping[str, str]], **settings: Any) -> PluginParts:
        """The plugin, on a new role with the policy that it generates for itself."""
        role = self.role("acts")
        self.allow(role, self.parts(role, addresses, **settings).policies[-1].document)
        return self.parts(role, addresses, **settings)


def _no_secret(reference: str) -> str:
    raise AssertionError(f"nothing refers to a secret here, {reference} does")

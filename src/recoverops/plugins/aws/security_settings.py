"""The part of the aws plugin's configuration that is about its security actions."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

Protected = Annotated[str, Field(min_length=1, max_length=255)]
GroupId = Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,17}$")]
InterfaceId = Annotated[str, Field(pattern=r"^eni-[0-9a-f]{8,17}$")]
_NAMED = re.compile(r"(sg|pl)-[0-9a-f]{8,17}")


class SecuritySettings(BaseModel):
    """What the security actions may never cut off, and where isolated instances go."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    never_block: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        strict=False,
        description="Networks that never lose their way in through sg-close-ingress: those of RecoverOps itself, of "
        "bastions, of the monitoring; as `10.0.0.0/8`, `sg-0123456789abcdef0` or `pl-0123456789abcdef0`. A rule that "
        "lets one of them in is closed only when another rule of the group still does. Default none.",
    )
    quarantine_groups: tuple[GroupId, ...] = Field(
        default=(),
        max_length=100,
        strict=False,
        description="The security groups that ec2-isolate puts an instance into, one for each VPC. Make them without "
        "any rule, or with those of your forensics. Default none; needed by ec2-isolate.",
    )
    quarantine_interfaces: tuple[InterfaceId, ...] = Field(
        default=(),
        max_length=200,
        strict=False,
        description="The network interfaces of instances that have several; they are isolated one by one, and AWS "
        "asks for a permission on each. Default none: ec2-isolate refuses an instance with several interfaces.",
    )
    isolate_group_members: bool = Field(
        default=False,
        description="Whether ec2-isolate takes members of an Auto Scaling group too. Default false: a group replaces a "
        "member that fails its health checks, and the evidence on it is gone.",
    )

    @field_validator("never_block")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if _NAMED.fullmatch(one):
                continue
            try:
                ip_network(one)
            except ValueError as error:
                raise ValueError(f"{one!r} is no network, security group or prefix list: {error}") from error
        return given

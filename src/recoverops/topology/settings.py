"""The inventory's part of the configuration: the list `services:`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class ServiceSettings(BaseModel):
    """One service that RecoverOps watches. Nothing outside this list is ever acted on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name = Field(description="Its name, as people say it. Letters, digits, dot, dash and underscore.")
    group: Name | None = Field(
        default=None,
        description="Services of one group stand in for each other; blast radius is counted within it. "
        "Default: a group of its own, so that it counts as its own last healthy member.",
    )
    address: dict[str, str] = Field(
        default_factory=dict,
        description="Where each vendor finds it: `supervisor: shop:checkout`, `http: http://127.0.0.1:8080/health`.",
    )
    depends_on: tuple[Name, ...] = Field(
        default=(),
        strict=False,
        description="Services of this list that it needs. Trouble of theirs explains its own, and is repaired there.",
    )
    match: dict[str, str] = Field(
        default_factory=dict,
        description="Alert labels that mean this service; all must be equal. Default: `service` equal to its name.",
    )

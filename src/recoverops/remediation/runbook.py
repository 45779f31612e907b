"""A runbook: what to do, and what "it helped" means. One YAML file each."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recoverops.model import Duration, digest


class VerifySettings(BaseModel):
    """When the trouble counts as gone."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    hold: Duration = Field(
        default=timedelta(seconds=5),
        description="How long every series at fault has to stay normal, without a break, after the action. Default 5s.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=60),
        description="When to stop hoping. Longer than hold, at most 1h. Default 60s.",
    )
    lag: Duration = Field(
        default=timedelta(seconds=0),
        description="Evidence within this time after the action still shows the world before it, e.g. one scrape "
        "interval. Default 0s: our own probes look at the world as it is.",
    )

    @model_validator(mode="after")
    def _hold_fits(self) -> VerifySettings:
        if self.hold + self.lag >= self.timeout:
            raise ValueError("hold and lag together must be shorter than timeout")
        if self.timeout > timedelta(hours=1):
            raise ValueError("timeout must be 1h or shorter")
        return self


class Runbook(BaseModel):
    """One action and its verification."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$", description="Its name, which rules use.")
    description: str = Field(default="", description="One sentence for the person who is asked to approve it.")
    action: str = Field(min_length=1, description="The action, by name; `recoverops plugins` lists them.")
    arguments: dict[str, str] = Field(
        default_factory=dict, description="Arguments of the action; the target always comes from the incident."
    )
    verify: VerifySettings = Field(
        default_factory=VerifySettings, description="When the trouble counts as gone: hold, timeout, lag."
    )

    @property
    def digest(self) -> str:
        return digest("runbook", self.model_dump_json())

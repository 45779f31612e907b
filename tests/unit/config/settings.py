"""Settings classes as rooms write them, for the tests of the reader."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recoverops.config import Configuration, Section
from recoverops.model import Duration


class Mode(StrEnum):
    OBSERVE = "observe"
    ASK = "ask"
    ACT = "act"


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Decision(Strict):
    max_actions_per_hour: int = Field(default=10, ge=0)
    cooldown: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=1))] = timedelta(minutes=5)
    require_approval: bool = False
    mode: Mode = Mode.ASK
    max_share: float = Field(default=0.5, gt=0, le=1)
    protected: tuple[str, ...] = ()


class Api(Strict):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    api_token: str = "env:RECOVEROPS_API_TOKEN"

    @model_validator(mode="after")
    def _is_local_or_protected(self) -> Api:
        if self.host != "127.0.0.1" and self.api_token == "":
            raise ValueError(f"host {self.host} is open to others, so api_token may not be empty")
        return self


class Check(Strict):
    kind: Literal["http"]
    url: str = Field(pattern="^https?://.+")


class Command(Strict):
    kind: Literal["command"]
    words: tuple[str, ...] = Field(min_length=1)


class Service(Strict):
    name: str = Field(examples=["checkout"])
    version: str = "1.0"
    address: dict[str, str] = {}
    checks: tuple[Annotated[Check | Command, Field(discriminator="kind")], ...] = ()


class Everything:
    """What `app` does: ask for each section, then finish."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.decision: Section[Decision] = configuration.section("decision", Decision)
        self.api: Section[Api] = configuration.section("api", Api)
        self.services: Section[tuple[Service, ...]] = configuration.listed("services", Service)
        self.data_dir: Section[Path] = configuration.setting("data_dir", Path, default=Path("recoverops-data"))
        configuration.finish()

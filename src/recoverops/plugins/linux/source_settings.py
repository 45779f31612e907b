"""Settings of this plugin's sources, besides supervisord itself."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, field_validator

from recoverops.model import Duration


class PolledSettings(BaseModel):
    """A source that is asked again and again."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    every: Duration = Field(
        default=timedelta(seconds=1),
        ge=timedelta(milliseconds=100),
        le=timedelta(hours=1),
        description="How often it is read, 100ms to 1h. Default 1s: a reading costs a few milliseconds at most.",
    )


class ProcessSettings(PolledSettings):
    """The source `process`."""

    growth_window: Duration = Field(
        default=timedelta(seconds=20),
        ge=timedelta(seconds=5),
        le=timedelta(hours=6),
        description="Over how long the growth of memory is measured, 5s to 6h; until then it is not reported. "
        "Default 20s: "
        "long enough to see past a burst, short enough to see a leak before the memory is gone.",
    )


class LogSettings(PolledSettings):
    """The source `log-files`."""

    bytes_a_poll: int = Field(
        default=65536,
        ge=4096,
        le=16777216,
        description="How much of one log is read in one poll, 4096 to 16777216 bytes; what is more than eight polls "
        "behind is skipped. Default 65536: some 600 lines a second and service, judged in about fifteen milliseconds.",
    )


class ReleaseSettings(PolledSettings):
    """The source `release`, and where releases lie."""

    folder: str = Field(
        default="releases",
        min_length=1,
        description="The folder that holds the releases, absolute or beside the release link. No link is switched to "
        "anything that does not lie right in it. Default `releases`: the layout of most deployment tools.",
    )

    @field_validator("folder")
    @classmethod
    def _has_no_way_up(cls, folder: str) -> str:
        if ".." in folder.split("/"):
            raise ValueError(f'"{folder}" leads upwards; name the folder itself')
        return folder


class HostSettings(PolledSettings):
    """The source `host`."""

    every: Duration = Field(
        default=timedelta(seconds=5),
        ge=timedelta(milliseconds=500),
        le=timedelta(hours=1),
        description="How often it is read, 500ms to 1h. Default 5s: shorter CPU readings are mostly noise.",
    )
    disk: str = Field(
        default="/",
        pattern=r"^/",
        description="A path on the file system that counts as the host's disk, absolute. Default `/`, the root.",
    )

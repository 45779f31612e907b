"""What the configuration may say about the history of signals. Read once at start by `app`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration

MIB = 1024 * 1024


class HistorySettings(BaseModel):
    """Which samples are kept on disk, for how long, and how much room they may take."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    enabled: bool = Field(
        default=True,
        description="Whether samples are kept at all, as Parquet files below `history` in the data directory. Without "
        "them nothing can be trained on what was measured here. It costs about 65 MB of memory. Default true.",
    )
    keep: Annotated[Duration, Field(ge=timedelta(days=1), le=timedelta(days=3660))] = Field(
        default=timedelta(days=30),
        description="How long samples are kept, 1d to 3660d; whole days (UTC) are removed when they are older. "
        "Default 30d: four weeks to learn the rhythm of a week from.",
    )
    place: str = Field(
        default="",
        max_length=1000,
        pattern=r"^([a-z][a-z0-9+.-]*://.+)?$",
        description="An object store in which the files are kept, as `s3://bucket/prefix` (plugin aws); each engine "
        "needs a prefix of its own. Default empty: they stay in the data directory.",
    )
    cache_bytes: int = Field(
        default=512 * MIB,
        ge=16 * MIB,
        description="How much room in the data directory copies of files of `place` may take, 16 MiB or more; those "
        "that were used longest ago go first. Default 512 MiB.",
    )
    max_bytes: int = Field(
        default=2048 * MIB,
        ge=16 * MIB,
        description="The most room that the files may take together, 16 MiB or more; beyond it the oldest are removed "
        "before their time. Default 2 GiB.",
    )
    flush_every: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = Field(
        default=timedelta(minutes=1),
        description="How long samples may wait in memory before they are written, 1s to 1h. A crash of the process "
        "loses at most what waits. Default 1m: one small file a minute, put together later.",
    )
    buffer_rows: int = Field(
        default=500_000,
        ge=1000,
        description="How many samples may wait in memory. At half of it they are written at once; when the disk takes "
        "nothing and it is full, newer samples are dropped and counted. Default 500000, about 10 MB.",
    )
    buffer_bytes: int = Field(
        default=32 * MIB,
        ge=MIB,
        description="How many bytes of memory these samples may take, 1 MiB or more, names of series included. "
        "Default 32 MiB.",
    )

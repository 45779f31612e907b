"""What the configuration may say about the store. Read once at start by `app`, handed to `open_store`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from recoverops.storage.retention import RetentionSettings

MIB = 1024 * 1024


class StorageSettings(BaseModel):
    """Where the truth is kept, and how much may wait to be written to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr = Field(
        default=SecretStr(""),
        description="Where incidents, runs and the audit log are kept. Empty means the SQLite file `recoverops.sqlite` "
        "in the data directory, which is right for one machine. `postgresql://user:password@host:5432/name` when the "
        "store has to outlive the machine, or where that address stands: `env:NAME`, `file:/path` or what a plugin "
        "offers, e.g. `secretsmanager:NAME#key`; needs the extra `postgres`.",
    )
    intake_queue_bytes: int = Field(
        default=32 * MIB,
        ge=64 * 1024,
        description="How many bytes of received but not yet written alerts may wait in memory, 64 KiB or more. When "
        "they are reached, senders get 503 with Retry-After and repeat. 32 MiB is about 30 s of an alert storm on a "
        "slow disk.",
    )
    group_commit: int = Field(
        default=500,
        ge=1,
        le=5000,
        description="The most deliveries that one transaction writes, 1 to 5000. More deliveries share one flush to "
        "disk, but other writers wait longer behind it; 500 keeps that wait below a few tens of milliseconds.",
    )
    busy_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=300,
        description="Seconds that a transaction waits for its turn to write before it fails as overloaded, up to 300. "
        "Turns normally take milliseconds; 30 s bridges a long backup or a stalled disk. On PostgreSQL it is the "
        "`lock_timeout` of the sessions that write.",
    )
    connections: int = Field(
        default=10,
        ge=2,
        le=200,
        description="Database connections kept open for reading, and with PostgreSQL as many again for writing; 2 to "
        "200. SQLite always writes through one.",
    )
    retention: RetentionSettings = Field(
        default_factory=RetentionSettings,
        description="How long things are kept that are over. The audit log is kept whole.",
    )

"""The intake's part of the configuration."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration


class IntakeSettings(BaseModel):
    """What may come in from outside, and what it means."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_body_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=1024,
        description="Largest delivery accepted, in bytes after which the sender gets 413. Default 4 MiB: about 4,000 "
        "alerts with ordinary labels.",
    )
    availability_alerts: tuple[str, ...] = Field(
        default=("ServiceDown", "InstanceDown", "TargetDown", "EndpointDown"),
        strict=False,
        description="Names of alerts (label `alertname`) that mean that the service is down. Such an alert and our own "
        "failing probe of the same service are one incident. Every other alert is a symptom of its own.",
    )
    max_uncompressed_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=64 * 1024,
        le=512 * 1024 * 1024,
        description="Largest delivery of metrics when uncompressed, in bytes, 64 KiB to 512 MiB; more is 413. It is "
        "looked at before memory is taken. Default 32 MiB: some 150,000 samples of different series.",
    )
    metric_queue_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=64 * 1024,
        description="How many bytes of pushed metrics may wait to be read, 64 KiB or more. When they are reached, "
        "senders get 503 with Retry-After and repeat. Default 32 MiB: some seconds of what one core reads.",
    )
    max_series: int = Field(
        default=100_000,
        ge=100,
        le=10_000_000,
        description="How many different pushed series are known at once, 100 to 10,000,000. Further ones are refused, "
        "the known ones go on. A series takes about 600 bytes. Default 100,000: some 200 ordinary services.",
    )
    series_idle_after: Duration = Field(
        default=timedelta(hours=1),
        ge=timedelta(minutes=1),
        le=timedelta(days=7),
        description="A pushed series that nobody sent for so long is forgotten and makes room, 1m to 7d. Default 1h: "
        "longer than a restart or an outage of the sender.",
    )
    max_sample_age: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(seconds=10),
        le=timedelta(days=1),
        description="Pushed samples older than this are counted and not judged: a sender that catches up tells of the "
        "past. 10s to 1d. Default 5m, after which Prometheus calls a series stale.",
    )
    target_labels: tuple[str, ...] = Field(
        default=(
            "service",
            "job",
            "instance",
            "service.namespace",
            "service.name",
            "service.instance.id",
            "host.name",
            "k8s.namespace.name",
            "k8s.pod.name",
        ),
        strict=False,
        description="Labels of pushed series that say where a sample comes from. They are not part of the metric's "
        "name in thresholds and rules; all others are. Add the external labels of your Prometheus, e.g. `cluster` and "
        "`replica`.",
    )
    stream_lease: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=2),
        le=timedelta(minutes=10),
        description="For how long an engine may read a part of a stream (a shard, a log group) before it has to say so "
        "again, 2s to 10m. When it dies, another engine on the same PostgreSQL takes over after this time; the same "
        "engine on SQLite goes on at once. Default 30s: longer than a slow poll.",
    )

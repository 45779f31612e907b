"""One delivery of metrics as it came through a door, and what became of it."""

from __future__ import annotations

from enum import StrEnum

from recoverops.model.record import Record


class MetricFormat(StrEnum):
    REMOTE_WRITE = "remote-write"
    """Prometheus remote-write 1.0: protobuf in a snappy block"""
    OTLP = "otlp"
    """OpenTelemetry's ExportMetricsServiceRequest as protobuf"""
    OTLP_JSON = "otlp-json"
    """the same as JSON"""

    @property
    def source(self) -> str:
        """Who sends this, as metrics and samples name it."""
        return "remote-write" if self is MetricFormat.REMOTE_WRITE else "otlp"


class MetricDelivery(Record, frozen=True, kw_only=True):
    """What a sender sent, not read yet."""

    format: MetricFormat
    body: bytes
    is_gzipped: bool = False


class MetricReceipt(Record, frozen=True, kw_only=True):
    """What became of a delivery that could be read."""

    accepted: int
    """samples handed on"""
    refused: int = 0
    """samples that were not taken"""
    why: str = ""
    """a sentence about the refused ones; empty when there are none"""

"""OpenTelemetry metrics over HTTP: requests to columns."""

from __future__ import annotations

from recoverops.sources.otlp.decode import decode

__all__ = ["decode"]

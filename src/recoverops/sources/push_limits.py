"""What one delivery of metrics may become in memory. Handed in by `app`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PushLimits:
    uncompressed_bytes: int = 32 * 1024 * 1024
    samples: int = 500_000
    """Some 40 times what a sender puts into one request; 10 MiB of columns."""

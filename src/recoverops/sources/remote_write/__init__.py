"""Prometheus remote-write 1.0: bodies to columns, compiled."""

from __future__ import annotations

from recoverops.sources.remote_write.decode import WriteRequestError, decode

__all__ = ["WriteRequestError", "decode"]

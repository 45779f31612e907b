"""Ranked hypotheses with evidence and confidence. Pure; one cause per file."""

from __future__ import annotations

from recoverops.diagnosis.service_down import diagnose

__all__ = ["diagnose"]

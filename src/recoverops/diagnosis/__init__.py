"""Ranked hypotheses with evidence and confidence. Pure; one family of causes per file."""

from __future__ import annotations

from recoverops.diagnosis.rank import diagnose

__all__ = ["diagnose"]

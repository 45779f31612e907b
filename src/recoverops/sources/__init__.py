"""Intake: what came from outside, bounded and put into our own terms. Pure."""

from __future__ import annotations

from recoverops.sources.resolve import Resolved, resolve
from recoverops.sources.settings import IntakeSettings

__all__ = ["IntakeSettings", "Resolved", "resolve"]

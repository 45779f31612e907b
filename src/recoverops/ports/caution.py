"""Switches outside that can demand a person's approval of every action. They can only tighten: there is no answer that
lets through what the configuration would ask about."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from recoverops.model import Demand


class CautionSwitch(Protocol):
    """One such switch, offered by a plugin. Read by the engine every `every`, never within a decision."""

    @property
    def name(self) -> str: ...

    @property
    def every(self) -> timedelta: ...

    def look(self) -> Demand:
        """What it says now. Changes nothing. Raises `RecoverOpsError` when it cannot be read, which demands as well."""

"""The parts of the configuration that belong to no room, and all of it together once it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from recoverops.api import ApiSettings
from recoverops.app.books import RulePlace
from recoverops.app.profiles import Profile
from recoverops.config import Configuration
from recoverops.decision import DecisionSettings, RuleBook
from recoverops.detection import DetectionSettings
from recoverops.incidents import IncidentSettings
from recoverops.model import Notification
from recoverops.notifications import NotificationSettings, channels_for
from recoverops.remediation import Runbook
from recoverops.sources import IntakeSettings
from recoverops.storage import StorageSettings
from recoverops.storage.history import HistorySettings
from recoverops.topology import Inventory


class PluginEntry(BaseModel):
    """One plugin to load. Nothing is loaded that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1, description="Its name in the entry-point group `recoverops.plugins`.")
    version: str | None = Field(
        default=None,
        description="The version of its package, exactly. Needed for every plugin that does not come with RecoverOps.",
    )
    sha256: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="Digest of the package's files as `recoverops plugins` prints it; when given, it has to fit.",
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="What the plugin itself asks for.")


DEFAULT_PLUGINS = (PluginEntry(name="console"), PluginEntry(name="http"), PluginEntry(name="prometheus"))
"""Loaded when the configuration has no list `plugins:`. They need no settings and act on nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything, checked."""

    path: Path | None
    data_dir: Path
    environment: Mapping[str, str]
    warnings: tuple[str, ...]
    profile: Profile | None
    from_profile: tuple[str, ...]
    """What it decided: `decision.mode: ask`."""
    over_profile: tuple[str, ...]
    """What it would have decided, had the file or a variable not said otherwise: `decision.cooldown`."""
    plugins: tuple[PluginEntry, ...]
    configuration: Configuration
    """Kept for the plugins' own sections, which are checked when their classes are known."""
    api: ApiSettings
    storage: StorageSettings
    history: HistorySettings
    inventory: Inventory
    intake: IntakeSettings
    detection: DetectionSettings
    incidents: IncidentSettings
    decision: DecisionSettings
    notifications: NotificationSettings
    rules_path: Path
    """A file, or a directory of them; a reload reads the same."""
    runbooks_path: Path
    rules: RuleBook
    """Empty, as the runbooks, for a command that does not need them (`load.Needs`)."""
    runbooks: Mapping[str, Runbook]
    runbook_actions: Mapping[str, str]
    """Runbook name -> the place of its `action`, for the check that has to wait for the plugins."""
    rule_places: Mapping[str, RulePlace]

    def channels_of(self, notification: Notification) -> tuple[str, ...]:
        return channels_for(notification, self.notifications)

    @property
    def stop_channels(self) -> tuple[str, ...]:
        """Everybody hears of an emergency stop."""
        return tuple(dict.fromkeys(channel.via for channel in self.notifications.channels))

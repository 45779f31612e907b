"""What the plugins brought, by name: every name once, whichever plugin it comes from."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from recoverops.app.plugin_points import UnfitError
from recoverops.app.vault import Vault
from recoverops.detection.metrics.joint import KINDS
from recoverops.detection.metrics.settings import STREAMING
from recoverops.model import ComponentState, ComponentStatus
from recoverops.ports import (
    Action,
    CautionSwitch,
    JointKind,
    LiveCheck,
    Notifier,
    ObjectStores,
    PluginParts,
    Policy,
    PushSource,
    RangeReader,
    Secrets,
    SeriesDetectorKind,
    Source,
    StreamSource,
)


@dataclass(slots=True)
class Loaded:
    """Everything that the plugins brought, by name, and how each plugin is doing."""

    vault: Vault
    sources: dict[str, Source] = field(default_factory=dict)
    streams: dict[str, StreamSource] = field(default_factory=dict)
    push_sources: dict[str, PushSource] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    notifiers: dict[str, Notifier] = field(default_factory=dict)
    secrets: dict[str, Secrets] = field(default_factory=dict)
    """By scheme."""
    cautions: list[CautionSwitch] = field(default_factory=list)
    detectors: dict[str, SeriesDetectorKind] = field(default_factory=dict)
    model_kinds: dict[str, JointKind] = field(default_factory=dict)
    readers: dict[str, RangeReader] = field(default_factory=dict)
    object_stores: dict[str, ObjectStores] = field(default_factory=dict)
    """By scheme."""
    checks: list[LiveCheck] = field(default_factory=list)
    policies: dict[str, tuple[Policy, ...]] = field(default_factory=dict)
    """By plugin; those that need no rights of another side are not in it."""
    addresses: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    """By plugin, disabled ones included: the keys of addresses that it reads; None when that is not known."""
    statuses: list[ComponentStatus] = field(default_factory=list)

    @property
    def disabled(self) -> tuple[ComponentStatus, ...]:
        return tuple(one for one in self.statuses if one.state is ComponentState.DISABLED)

    def take(self, plugin: str, parts: PluginParts) -> None:
        """Raises UnfitError when a name is there already; then nothing of this plugin is taken."""
        polled = [*(part.name for part in parts.sources), *(part.name for part in parts.streams)]
        for known, brought, what in (
            ({*self.sources, *self.streams}, polled, "source"),
            (self.push_sources, [part.name for part in parts.push_sources], "intake"),
            (self.actions, [part.name for part in parts.actions], "action"),
            (self.notifiers, [part.name for part in parts.notifiers], "notifier"),
            ({STREAMING, *self.detectors}, [part.name for part in parts.detectors], "detector"),
            ({*KINDS, *self.model_kinds}, [part.name for part in parts.model_kinds], "kind of model"),
            (self.readers, [part.name for part in parts.readers], "history"),
            (self.object_stores, [part.scheme for part in parts.object_stores], "object store"),
        ):
            refuse_twice(known, brought, what)
        self.sources.update({part.name: part for part in parts.sources})
        self.streams.update({part.name: part for part in parts.streams})
        self.push_sources.update({part.name: part for part in parts.push_sources})
        self.actions.update({part.name: part for part in parts.actions})
        self.notifiers.update({part.name: part for part in parts.notifiers})
        self.secrets.update({part.scheme: part for part in parts.secrets})
        self.cautions.extend(parts.cautions)
        self.detectors.update({part.name: part for part in parts.detectors})
        self.model_kinds.update({part.name: part for part in parts.model_kinds})
        self.readers.update({part.name: part for part in parts.readers})
        self.object_stores.update({part.scheme: part for part in parts.object_stores})
        self.checks.extend(parts.checks)
        if parts.policies:
            self.policies[plugin] = parts.policies


def refuse_twice(known: Container[str], names: Sequence[str], what: str) -> None:
    """Before anything of the plugin is taken: one that is disabled brings nothing."""
    for position, name in enumerate(names):
        if name in known or name in names[:position]:
            raise UnfitError(f'it brings the {what} "{name}", which is there already')


def in_words(parts: PluginParts) -> str:
    """What one plugin brought, for its status."""
    kinds = {
        "sources": [part.name for part in parts.sources],
        "streams": [part.name for part in parts.streams],
        "intakes": [part.name for part in parts.push_sources],
        "actions": [part.name for part in parts.actions],
        "notifiers": [part.name for part in parts.notifiers],
        "switches": [part.name for part in parts.cautions],
        "secrets": [f"{part.scheme}:" for part in parts.secrets],
        "detectors": [part.name for part in parts.detectors],
        "kinds of models": [part.name for part in parts.model_kinds],
        "object stores": [f"{part.scheme}://" for part in parts.object_stores],
    }
    told = [f"{what} {', '.join(names)}" for what, names in kinds.items() if names]
    return "; ".join(told) or "brings nothing with these settings"

"""What a vendor's package offers. Bundled vendors and third parties use the same entry-point group.

The entry point names an object with these attributes. It is asked once at start; when it fails, it is shown as
disabled with its reason, and the engine runs without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from recoverops.model import Service
from recoverops.ports.action import Action
from recoverops.ports.clock import Clock
from recoverops.ports.notifier import Notifier
from recoverops.ports.source import PushSource, Source

PLUGIN_API = 1
"""Raised when this contract changes in a way that old plugins cannot meet."""

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """What the engine lends to a plugin."""

    clock: Clock
    services: Mapping[str, Service]
    """The inventory, by service name."""
    secret: Callable[[str], str]
    """Resolves a reference such as `env:SLACK_URL` or `file:/run/secrets/x`; raises MisconfiguredError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginParts:
    sources: tuple[Source, ...] = ()
    push_sources: tuple[PushSource, ...] = ()
    actions: tuple[Action, ...] = ()
    notifiers: tuple[Notifier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin(Generic[S]):
    """`settings` is checked against the plugin's section of the configuration, then `build` gets it."""

    name: str
    settings: type[S]
    build: Callable[[S, PluginContext], PluginParts]
    api: int = PLUGIN_API
    summary: str = ""

"""Builds the plugins that the configuration names. One that fails is shown as disabled, with its reason.

One that keeps secrets is built when the first of them is asked for, at the latest in its turn.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from recoverops.app.loaded import Loaded, in_words, refuse_twice
from recoverops.app.plugin_points import (
    UnfitError,
    check_origin,
    found_points,
    import_plugin,
    the_one,
)
from recoverops.app.settings import PluginEntry, Settings
from recoverops.app.vault import OWN_SCHEMES, Vault
from recoverops.model import ComponentState, ComponentStatus, MisconfiguredError, UnreachableError
from recoverops.ports import (
    Clock,
    Plugin,
    PluginContext,
    PluginParts,
    Secrets,
    Telemetry,
)
from recoverops.ports.objects import scheme_of
from recoverops.redact import redact


def load_plugins(
    settings: Settings, clock: Clock, telemetry: Telemetry | None = None, *, only: str | None = None
) -> Loaded:
    """Raises MisconfiguredError for settings that a plugin refuses; a plugin that breaks is disabled instead.

    With `only` no other plugin is built, except for those that keep a secret of it.
    """
    loading = _Loading(settings, clock, telemetry)
    for position, entry in enumerate(settings.plugins):
        if only in {None, entry.name}:
            loading.build(position)
    return loading.finished()


def object_urls(settings: Settings) -> tuple[str, ...]:
    """Every object store that the configuration names."""
    places = (settings.detection.model_place, settings.history.place)
    return tuple(one for one in places if scheme_of(one))


def vault_of(settings: Settings, clock: Clock) -> Vault:
    """For commands without plugins: one is built only when a secret is asked of it."""
    return _Loading(settings, clock, None).vault


class _Loading:
    """Builds each plugin once, and those that keep secrets of another one before it."""

    def __init__(self, settings: Settings, clock: Clock, telemetry: Telemetry | None) -> None:
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._plugins: dict[int, Plugin[Any]] = {}
        self._offering: dict[str, int] = {}
        self._statuses: dict[int, ComponentStatus] = {}
        self._building: list[int] = []
        self._problems: dict[int, tuple[str, ...]] = {}
        self.vault = Vault(settings.environment, clock, offered=self._offering.keys(), ask=self._keeper)
        self._loaded = Loaded(vault=self.vault)
        self._import_all()

    def finished(self) -> Loaded:
        if self._problems:
            raise MisconfiguredError(*dict.fromkeys(one for told in self._problems.values() for one in told))
        self._loaded.statuses.extend(self._statuses[position] for position in sorted(self._statuses))
        return self._loaded

    def build(self, position: int) -> None:
        if position in self._statuses or position in self._problems:
            return
        entry = self._settings.plugins[position]
        self._building.append(position)
        try:
            parts = self._built(position)
            self._loaded.take(entry.name, parts)
            self._statuses[position] = _status(entry, ComponentState.UP, in_words(parts), self._clock)
        except MisconfiguredError as error:
            self._problems[position] = error.problems
        except UnfitError as error:
            self._disable(position, error)
        finally:
            self._building.pop()

    def _import_all(self) -> None:
        found = found_points()
        for position, entry in enumerate(self._settings.plugins):
            self._loaded.addresses[entry.name] = None
            try:
                point = the_one(entry, found.get(entry.name, ()))
                check_origin(entry, point)
                plugin = import_plugin(point)
                refuse_twice((*OWN_SCHEMES, *self._offering), plugin.schemes, "scheme of secrets")
            except UnfitError as error:
                self._disable(position, error)
                continue
            self._plugins[position] = plugin
            self._loaded.addresses[entry.name] = plugin.addresses
            self._offering |= dict.fromkeys(plugin.schemes, position)

    def _disable(self, position: int, error: UnfitError) -> None:
        entry = self._settings.plugins[position]
        told = f"disabled, because {error}"
        self._statuses[position] = _status(entry, ComponentState.DISABLED, told, self._clock)

    def _built(self, position: int) -> PluginParts:
        plugin, reader = self._plugins[position], self._settings.configuration
        section = reader.section(f"plugins[{position}].settings", plugin.settings)
        if section.problems:
            raise MisconfiguredError(*section.problems)
        context = PluginContext(
            clock=self._clock,
            services=self._settings.inventory.services,
            secret=self.vault.resolve,
            references=tuple(one for scheme in plugin.schemes for one in reader.references(scheme)),
            object_urls=object_urls(self._settings),
            telemetry=self._telemetry,
        )
        return _build(self._settings, position, plugin, section.value, context)

    def _keeper(self, scheme: str) -> Secrets:
        """Who keeps the secrets of this scheme, built if that has not happened yet."""
        position = self._offering[scheme]
        name = self._settings.plugins[position].name
        if position in self._building:
            chain = [self._settings.plugins[one].name for one in self._building[self._building.index(position) :]]
            raise MisconfiguredError(
                f"a secret {scheme}:... is needed to make the plugin {name}, which is the one that reads {scheme}:... "
                f"({' needs '.join([*chain, name])}); give it that secret as env:NAME or file:/path"
            )
        self.build(position)
        keeper = self._loaded.secrets.get(scheme)
        if keeper is None:
            status = self._statuses.get(position)
            why = status.statement if status else "; ".join(self._problems.get(position, ()))
            raise UnreachableError(f"no secret {scheme}:... can be read: the plugin {name}: {why}")
        return keeper


def _build(
    settings: Settings, position: int, plugin: Plugin[Any], section: BaseModel, context: PluginContext
) -> PluginParts:
    try:
        parts = plugin.build(section, context)
    except MisconfiguredError as error:
        place = settings.configuration.place(f"plugins[{position}]")
        raise MisconfiguredError(*(f"{place}: plugin {plugin.name}: {one}" for one in error.problems)) from error
    except Exception as error:
        raise UnfitError(f"it failed while starting: {type(error).__name__}: {redact(str(error))}") from error
    if not isinstance(parts, PluginParts):
        raise UnfitError(f"its build() returned a {type(parts).__name__}, expected PluginParts")
    return parts


def _status(entry: PluginEntry, state: ComponentState, statement: str, clock: Clock) -> ComponentStatus:
    return ComponentStatus(name=f"plugin {entry.name}", state=state, statement=statement, since=clock.now())

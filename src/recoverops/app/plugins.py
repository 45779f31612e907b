"""Builds the plugins that the configuration names. One that fails is shown as disabled, with its reason.

One that keeps secrets is built when the first of them is asked for, at the latest in its turn.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

from pydantic import BaseModel

from recoverops.app.plugin_points import (
    UnfitError,
    check_origin,
    digest_of,
    found_points,
    import_plugin,
    package_of,
    the_one,
)
from recoverops.app.settings import PluginEntry, Settings
from recoverops.app.vault import OWN_SCHEMES, Vault
from recoverops.detection.metrics.joint import KINDS
from recoverops.detection.metrics.settings import STREAMING
from recoverops.model import ComponentState, ComponentStatus, MisconfiguredError, Record, UnreachableError
from recoverops.ports import (
    Action,
    CautionSwitch,
    Clock,
    JointKind,
    LiveCheck,
    Notifier,
    ObjectStores,
    Plugin,
    PluginContext,
    PluginParts,
    Policy,
    PushSource,
    RangeReader,
    Secrets,
    SeriesDetectorKind,
    Source,
    StreamSource,
    Telemetry,
)
from recoverops.ports.objects import scheme_of
from recoverops.redact import redact


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
    statuses: list[ComponentStatus] = field(default_factory=list)

    @property
    def disabled(self) -> tuple[ComponentStatus, ...]:
        return tuple(one for one in self.statuses if one.state is ComponentState.DISABLED)


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
            _take(self._loaded, entry, parts)
            self._statuses[position] = _status(entry, ComponentState.UP, _inventory_of(parts), self._clock)
        except MisconfiguredError as error:
            self._problems[position] = error.problems
        except UnfitError as error:
            self._disable(position, error)
        finally:
            self._building.pop()

    def _import_all(self) -> None:
        found = found_points()
        for position, entry in enumerate(self._settings.plugins):
            try:
                point = the_one(entry, found.get(entry.name, ()))
                check_origin(entry, point)
                plugin = import_plugin(point)
                _refuse_twice((*OWN_SCHEMES, *self._offering), plugin.schemes, "scheme of secrets")
            except UnfitError as error:
                self._disable(position, error)
                continue
            self._plugins[position] = plugin
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


def _take(loaded: Loaded, entry: PluginEntry, parts: PluginParts) -> None:
    polled = [*(part.name for part in parts.sources), *(part.name for part in parts.streams)]
    for known, brought, what in (
        ({*loaded.sources, *loaded.streams}, polled, "source"),
        (loaded.push_sources, [part.name for part in parts.push_sources], "intake"),
        (loaded.actions, [part.name for part in parts.actions], "action"),
        (loaded.notifiers, [part.name for part in parts.notifiers], "notifier"),
        ({STREAMING, *loaded.detectors}, [part.name for part in parts.detectors], "detector"),
        ({*KINDS, *loaded.model_kinds}, [part.name for part in parts.model_kinds], "kind of model"),
        (loaded.readers, [part.name for part in parts.readers], "history"),
        (loaded.object_stores, [part.scheme for part in parts.object_stores], "object store"),
    ):
        _refuse_twice(known, brought, what)
    loaded.sources.update({part.name: part for part in parts.sources})
    loaded.streams.update({part.name: part for part in parts.streams})
    loaded.push_sources.update({part.name: part for part in parts.push_sources})
    loaded.actions.update({part.name: part for part in parts.actions})
    loaded.notifiers.update({part.name: part for part in parts.notifiers})
    loaded.secrets.update({part.scheme: part for part in parts.secrets})
    loaded.cautions.extend(parts.cautions)
    loaded.detectors.update({part.name: part for part in parts.detectors})
    loaded.model_kinds.update({part.name: part for part in parts.model_kinds})
    loaded.readers.update({part.name: part for part in parts.readers})
    loaded.object_stores.update({part.scheme: part for part in parts.object_stores})
    loaded.checks.extend(parts.checks)
    if parts.policies:
        loaded.policies[entry.name] = parts.policies


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


def _refuse_twice(known: Container[str], names: Sequence[str], what: str) -> None:
    """Before anything of the plugin is taken: one that is disabled brings nothing."""
    for position, name in enumerate(names):
        if name in known or name in names[:position]:
            raise UnfitError(f'it brings the {what} "{name}", which is there already')


def _inventory_of(parts: PluginParts) -> str:
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


def _status(entry: PluginEntry, state: ComponentState, statement: str, clock: Clock) -> ComponentStatus:
    return ComponentStatus(name=f"plugin {entry.name}", state=state, statement=statement, since=clock.now())


class InstalledPlugin(Record, frozen=True, kw_only=True):
    """One entry point that pip installed, and what became of it."""

    name: str
    package: str
    version: str
    sha256: str | None
    """None: pip keeps no list of its files, as for an editable install."""
    state: str
    """up | disabled | not_named"""
    statement: str


def installed_plugins(settings: Settings, clock: Clock) -> tuple[InstalledPlugin, ...]:
    """Everything in the entry-point group; nothing that the configuration does not name is imported."""
    loaded = {one.name: one for one in load_plugins(settings, clock).statuses}
    found = [(name, point) for name, points in sorted(found_points().items()) for point in points]
    shown = [_installed(name, point, loaded.get(f"plugin {name}")) for name, point in found]
    missing = set(loaded) - {f"plugin {name}" for name, _ in found}
    shown.extend(
        InstalledPlugin(
            name=name.removeprefix("plugin "),
            package="-",
            version="-",
            sha256=None,
            state=loaded[name].state,
            statement=loaded[name].statement,
        )
        for name in sorted(missing)
    )
    return tuple(shown)


def _installed(name: str, point: EntryPoint, status: ComponentStatus | None) -> InstalledPlugin:
    return InstalledPlugin(
        name=name,
        package=package_of(point),
        version=point.dist.version if point.dist else "unknown",
        sha256=digest_of(point.dist) if point.dist else None,
        state=status.state if status else "not_named",
        statement=status.statement if status else "installed, but the configuration does not name it",
    )

"""Finds and builds the plugins that the configuration names. One that fails is shown as disabled, with its reason.

The only private thing about a bundled vendor is that its version need not be pinned: it is RecoverOps' own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel

from recoverops.app.settings import PluginEntry, Settings
from recoverops.config import resolve_secret
from recoverops.model import ComponentState, ComponentStatus, MisconfiguredError, Record
from recoverops.ports import (
    PLUGIN_API,
    Action,
    Clock,
    LiveCheck,
    Notifier,
    Plugin,
    PluginContext,
    PluginParts,
    Policy,
    PushSource,
    Source,
    Telemetry,
)
from recoverops.redact import redact

GROUP = "recoverops.plugins"
OWN_PACKAGE = "recoverops"


class _UnfitError(Exception):
    """This plugin cannot be used; the message says why."""


@dataclass(slots=True)
class Loaded:
    """Everything that the plugins brought, by name, and how each plugin is doing."""

    sources: dict[str, Source] = field(default_factory=dict)
    push_sources: dict[str, PushSource] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    notifiers: dict[str, Notifier] = field(default_factory=dict)
    checks: list[LiveCheck] = field(default_factory=list)
    policies: dict[str, tuple[Policy, ...]] = field(default_factory=dict)
    """By plugin; those that need no rights of another side are not in it."""
    statuses: list[ComponentStatus] = field(default_factory=list)

    @property
    def disabled(self) -> tuple[ComponentStatus, ...]:
        return tuple(one for one in self.statuses if one.state is ComponentState.DISABLED)


def load_plugins(settings: Settings, clock: Clock, telemetry: Telemetry | None = None) -> Loaded:
    """Raises MisconfiguredError for settings that a plugin refuses; a plugin that breaks is disabled instead."""
    found, loaded, problems = _found(), Loaded(), list[str]()
    context = PluginContext(
        clock=clock,
        services=settings.inventory.services,
        secret=lambda reference: resolve_secret(reference, settings.environment),
        telemetry=telemetry,
    )
    for position, entry in enumerate(settings.plugins):
        try:
            _load_one(settings, position, entry, found.get(entry.name, ()), context, loaded, clock)
        except MisconfiguredError as error:
            problems.extend(error.problems)
        except _UnfitError as error:
            loaded.statuses.append(_status(entry, ComponentState.DISABLED, f"disabled, because {error}", clock))
    if problems:
        raise MisconfiguredError(*dict.fromkeys(problems))
    return loaded


def _found() -> Mapping[str, tuple[EntryPoint, ...]]:
    points: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=GROUP):
        points[point.name] = (*points.get(point.name, ()), point)
    return points


def _load_one(
    settings: Settings,
    position: int,
    entry: PluginEntry,
    points: tuple[EntryPoint, ...],
    context: PluginContext,
    loaded: Loaded,
    clock: Clock,
) -> None:
    point = _the_one(entry, points)
    _check_origin(entry, point)
    plugin = _import(point)
    section = settings.configuration.section(f"plugins[{position}].settings", plugin.settings)
    if section.problems:
        raise MisconfiguredError(*section.problems)
    parts = _build(settings, position, plugin, section.value, context)
    for known, brought, what in (
        (loaded.sources, parts.sources, "source"),
        (loaded.push_sources, parts.push_sources, "intake"),
        (loaded.actions, parts.actions, "action"),
        (loaded.notifiers, parts.notifiers, "notifier"),
    ):
        _refuse_twice(known, [part.name for part in brought], what)
    loaded.sources.update({part.name: part for part in parts.sources})
    loaded.push_sources.update({part.name: part for part in parts.push_sources})
    loaded.actions.update({part.name: part for part in parts.actions})
    loaded.notifiers.update({part.name: part for part in parts.notifiers})
    loaded.checks.extend(parts.checks)
    if parts.policies:
        loaded.policies[entry.name] = parts.policies
    loaded.statuses.append(_status(entry, ComponentState.UP, _inventory_of(parts), clock))


def _the_one(entry: PluginEntry, points: tuple[EntryPoint, ...]) -> EntryPoint:
    if not points:
        raise _UnfitError(
            f'no installed package offers a plugin "{entry.name}"; install it; `recoverops plugins` lists the names'
        )
    if len(points) > 1:
        packages = ", ".join(sorted(_package(point) for point in points))
        raise _UnfitError(f'several packages offer a plugin "{entry.name}" ({packages}); uninstall all but one')
    return points[0]


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _check_origin(entry: PluginEntry, point: EntryPoint) -> None:
    package = _package(point)
    version = point.dist.version if point.dist else "unknown"
    if package != OWN_PACKAGE and entry.version is None:
        raise _UnfitError(f'it comes from the package {package}, so its version has to be named: version: "{version}"')
    if entry.version is not None and entry.version != version:
        raise _UnfitError(f"version {entry.version} was asked for, installed is {package} {version}")
    if entry.sha256 is None:
        return
    found = digest_of(point.dist) if point.dist else None
    if found is None:
        raise _UnfitError(
            f"sha256 is named, but pip keeps no list of the files of {package} {version}, as for an editable install; "
            "install it as a package, or leave sha256 out"
        )
    if entry.sha256 != found:
        raise _UnfitError(f"the files of {package} {version} have the digest {found}, not the one named")


def digest_of(distribution: Distribution) -> str | None:
    """SHA-256 over names and contents of the package's Python files, in the order of their names; None without any."""
    files = [file for file in sorted(distribution.files or (), key=str) if file.suffix == ".py"]
    if not files:
        return None
    hasher = hashlib.sha256()
    for file in files:
        hasher.update(str(file).encode() + b"\0")
        hasher.update(hashlib.sha256(file.read_binary()).digest())
    return hasher.hexdigest()


def _import(point: EntryPoint) -> Plugin[Any]:
    try:
        plugin = point.load()
    except Exception as error:
        raise _UnfitError(f"it could not be imported: {type(error).__name__}: {redact(str(error))}") from error
    if not isinstance(plugin, Plugin):
        raise _UnfitError(f"{point.value} is a {type(plugin).__name__}, expected a recoverops.ports.Plugin")
    if plugin.api != PLUGIN_API:
        raise _UnfitError(f"it is made for version {plugin.api} of the plugin contract, this release has {PLUGIN_API}")
    return plugin


def _build(
    settings: Settings, position: int, plugin: Plugin[Any], section: BaseModel, context: PluginContext
) -> PluginParts:
    try:
        parts = plugin.build(section, context)
    except MisconfiguredError as error:
        place = settings.configuration.place(f"plugins[{position}]")
        raise MisconfiguredError(*(f"{place}: plugin {plugin.name}: {one}" for one in error.problems)) from error
    except Exception as error:
        raise _UnfitError(f"it failed while starting: {type(error).__name__}: {redact(str(error))}") from error
    if not isinstance(parts, PluginParts):
        raise _UnfitError(f"its build() returned a {type(parts).__name__}, expected PluginParts")
    return parts


def _refuse_twice(known: Container[str], names: Sequence[str], what: str) -> None:
    """Before anything of the plugin is taken: one that is disabled brings nothing."""
    for position, name in enumerate(names):
        if name in known or name in names[:position]:
            raise _UnfitError(f'it brings the {what} "{name}", which is there already')


def _inventory_of(parts: PluginParts) -> str:
    kinds = {
        "sources": [part.name for part in parts.sources],
        "intakes": [part.name for part in parts.push_sources],
        "actions": [part.name for part in parts.actions],
        "notifiers": [part.name for part in parts.notifiers],
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
    found = [(name, point) for name, points in sorted(_found().items()) for point in points]
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
        package=_package(point),
        version=point.dist.version if point.dist else "unknown",
        sha256=digest_of(point.dist) if point.dist else None,
        state=status.state if status else "not_named",
        statement=status.statement if status else "installed, but the configuration does not name it",
    )
